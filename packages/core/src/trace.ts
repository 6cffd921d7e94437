import { toHex } from './hex.ts'
import { randomBytes } from './random-bytes.ts'

/** The part of W3C Trace Context (level 1) that Posthorn stores and passes on. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  traceId: string
  /** 16 lower-case hexadecimal digits, not all zero. */
  spanId: string
  sampled: boolean
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s
const ALL_ZERO = /^0+$/

function newId(bytes: number): string {
  for (;;) {
    const id = toHex(randomBytes(bytes))
    if (!ALL_ZERO.test(id)) return id
  }
}

/** A fresh random trace id. */
export function newTraceId(): string {
  return newId(16)
}

/** A fresh random span id. */
export function newSpanId(): string {
  return newId(8)
}

/**
 * Reads a `traceparent` header. Undefined when it is absent or invalid (then start a new trace): version
 * `ff`, ids of zeros, upper case, or a version 00 with more than its four fields. Of a later version the
 * four known fields are read, as W3C Trace Context section 3.2.4 asks.
 */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  const match = header === undefined ? null : TRACEPARENT.exec(header)
  if (!match) return undefined
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The `traceparent` header (version 00) of a context. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`
}
