import type { Hold } from '../spool/types.ts'
import type { SendOutcome } from './types.ts'

/** What follows from the outcome of a request. */
export type Judgement =
  | { kind: 'sent' }
  /** The event's own failure: it is tried again by its schedule. */
  | { kind: 'retry' }
  /** The failure is the server's as a whole: nothing is sent for a while, and no event pays for it. */
  | { kind: 'hold'; hold: Hold['kind'] }
  /** The server will never take this event. */
  | { kind: 'reject' }
  /** The event is too large for the server. */
  | { kind: 'shrink' }
  /** We stopped it ourselves. */
  | { kind: 'stopped' }

/**
 * Statuses that say that the key, the role or the URL is wrong, or that a proxy on the way wants
 * something else: they say nothing about the event.
 */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 404, 405, 407])
/** A server, or the gateway before it, that takes nothing from anybody just now. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503])

/** Judges an outcome. Other 4xx are final; timeouts, 408, 409, 425 and other 5xx may be the event's own. */
export function judge(outcome: SendOutcome): Judgement {
  if (outcome.ok) return { kind: 'sent' }
  const { status, failure } = outcome
  if (status !== undefined) {
    if (status === 413) return { kind: 'shrink' }
    if (REFUSED.has(status)) return { kind: 'hold', hold: 'refused' }
    if (BUSY.has(status)) return { kind: 'hold', hold: 'busy' }
    // Our own request before this one, whose sender was killed, is still under way at the server.
    if (status === 409) return { kind: 'retry' }
  }
  switch (failure) {
    case 'shutdown':
      return { kind: 'stopped' }
    case 'timeout':
    case 'http_408':
    case 'http_425':
    case 'http_5xx':
      return { kind: 'retry' }
    case 'http_4xx':
    case 'http_410':
      return { kind: 'reject' }
    case 'http_3xx':
    case 'invalid_response':
    case 'blocked':
      return { kind: 'hold', hold: 'refused' }
    case 'http_429':
      return { kind: 'hold', hold: 'busy' }
    case 'connection':
    case 'dns':
    case 'tls':
    case 'internal':
      return { kind: 'hold', hold: 'unreachable' }
  }
}
