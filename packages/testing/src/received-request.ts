import type { IncomingHttpHeaders } from 'node:http'
import type { Result } from '@posthorn/core'
import type { VerifyError } from '@posthorn/dispatcher/signing'
import type { Fault } from './reply.ts'

/** How a request ended, from the receiver's side. */
export interface RequestEnd {
  /** The status that was sent; absent when the fault left none. */
  status?: number
  fault?: Fault
  /** The other side went away before the answer was sent. */
  abandoned?: boolean
}

/** One request whose body arrived whole. */
export interface ReceivedRequest {
  /** 1 for the receiver's first request. */
  readonly number: number
  /** 1 for the first request of its path. */
  readonly count: number
  /** How often a request with this `webhook-id` arrived, this one included; 0 without an id. */
  readonly seen: number
  readonly method: string
  /** Path without the query. */
  readonly path: string
  /** Path and query as they came. */
  readonly url: string
  /** `webhook-id`. */
  readonly id: string | undefined
  readonly headers: IncomingHttpHeaders
  /** The bytes as they came; empty when the receiver does not keep bodies. */
  readonly body: Buffer
  readonly bodyBytes: number
  /** When the body was complete, epoch milliseconds. */
  readonly receivedAt: number
  /** The outcome of `verify`, when the receiver has secrets. */
  readonly verification: Result<{ id: string; timestamp: number }, VerifyError> | undefined
  /** Undefined until the request has ended. */
  readonly end: RequestEnd | undefined
}

/** Whether a request was answered whole, with a 2xx. */
export function isAccepted({ end }: ReceivedRequest): boolean {
  if (end?.status === undefined || end.fault !== undefined || end.abandoned) return false
  return end.status >= 200 && end.status <= 299
}

/** How a request ended, in a word or two: `503`, `reset`, `200 closeEarly`, `no answer yet`. */
export function describeEnd({ end, verification }: ReceivedRequest): string {
  if (end === undefined) return 'no answer yet'
  const words = [end.status, end.fault, end.abandoned ? 'abandoned' : undefined]
  if (verification && !verification.ok) words.push(`(${verification.error.reason})`)
  return words.filter((word) => word !== undefined).join(' ')
}
