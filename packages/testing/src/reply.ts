import type { ReceivedRequest } from './received-request.ts'

/** Pieces of a body with a pause before each one after the first. */
export interface Drip {
  everyMs: number
  /** Bytes of a piece; 1 unless given. */
  bytes?: number
}

/**
 * What the receiver does with a request. Without any fault: `status` (200) with `headers` and `body`.
 * Of several faults the first in this order is done: `reset`, `hang`, `raw`, `closeEarly`, `drip`.
 */
export interface Reply {
  status?: number
  body?: string | Uint8Array
  headers?: Readonly<Record<string, string | string[]>>
  /** Waits before doing anything else. */
  delayMs?: number
  /** Resets the connection (TCP RST) in place of an answer. */
  reset?: boolean
  /** Never answers; the connection stays open until the other side or `close()` ends it. */
  hang?: boolean
  /** Bytes written to the socket in place of an HTTP answer; then the connection ends. */
  raw?: string | Uint8Array
  /** Promises the whole body, sends half of it and ends the connection. */
  closeEarly?: boolean
  /** Sends the body slowly. */
  drip?: Drip
}

/** A reply for every request; a list of replies for one after another, the last of which repeats; or a decision. */
export type Script = Reply | readonly Reply[] | ((request: ReceivedRequest) => Reply | Promise<Reply>)

/** The ways in which a reply is not an HTTP answer that ends as it should. */
export type Fault = 'reset' | 'hang' | 'raw' | 'closeEarly'

/** Gives the reply to one request after another. */
export type Player = (request: ReceivedRequest) => Reply | Promise<Reply>

/** A player of a script, which stands at its beginning. */
export function playerOf(script: Script): Player {
  if (typeof script === 'function') return script
  if (!isList(script)) return () => script
  let next = 0
  return () => script[Math.min(next++, script.length - 1)] ?? {}
}

function isList(script: Reply | readonly Reply[]): script is readonly Reply[] {
  return Array.isArray(script)
}

/** The fault that a reply asks for, if any. */
export function faultOf(reply: Reply): Fault | undefined {
  if (reply.reset) return 'reset'
  if (reply.hang) return 'hang'
  if (reply.raw !== undefined) return 'raw'
  return reply.closeEarly ? 'closeEarly' : undefined
}
