import type { FailureClass } from '@posthorn/core'
import type { FailureReason, Hold } from '../spool/types.ts'

/** What a sender tells while it works. */
export type SendProgress =
  | { kind: 'started'; backlog: number }
  | { kind: 'sending'; requestId: string; event: string; attempt: number }
  | { kind: 'sent'; requestId: string; event: string; status: number; durationMs: number; duplicate: boolean }
  /** A request failed; another one follows in `retryInMs`. */
  | { kind: 'retrying'; requestId: string; event: string; error: string; retryInMs: number }
  /** The event waits for its next send. */
  | { kind: 'waiting'; requestId: string; event: string; error: string; retryInMs: number }
  | { kind: 'failed'; requestId: string; event: string | undefined; reason: FailureReason; message: string }
  /** Nothing is sent before `hold.nextTryAt`. */
  | { kind: 'held'; hold: Hold }
  | { kind: 'idle'; backlog: number }

/** Why a drain ended. */
export type DrainEnd =
  /** Everything that waited was sent or moved to `failed/`. */
  | 'empty'
  /** What is left waits for its next send, or for a session's earlier event. */
  | 'waiting'
  /** Nothing can be sent: see `hold`. */
  | 'held'
  /** Another sender is at work on this spool. */
  | 'locked'
  /** The URL or the key is missing or wrong. */
  | 'unconfigured'
  | 'disabled'
  /** The signal was aborted, or another sender took over. */
  | 'stopped'
  /** The key that events are sealed with can be neither read nor made. */
  | 'unsealable'
  /** The spool cannot be written: see the error log. */
  | 'unwritable'

/** What a drain did. */
export interface DrainResult {
  end: DrainEnd
  sent: number
  duplicates: number
  failed: number
  backlog: number
  hold: Hold | null
}

/** The outcome of one request. */
export type SendOutcome =
  | { ok: true; status: number; durationMs: number; duplicate: boolean; response: unknown }
  | {
      ok: false
      failure: FailureClass
      /** Such as `ECONNREFUSED`, or the problem document's `code`, or `http_404`. */
      code: string
      message: string
      durationMs: number
      status?: number
      retryAfterMs?: number
      problem?: unknown
    }
