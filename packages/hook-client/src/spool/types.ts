/** The three folders of a spool. */
export type SpoolFolder = 'pending' | 'processing' | 'failed'

/** One captured event as it lies on disk, in a file `<requestId>.json` that is written once. */
export interface SpooledEvent {
  version: 1
  /** UUIDv7; also the file's name and the server's key for telling repeats. */
  requestId: string
  /** W3C trace id, fixed at capture. */
  traceId: string
  /** ISO 8601, UTC, milliseconds: the time in {@link requestId}. */
  capturedAt: string
  /** Such as `PreToolUse`; `unknown` when the document names none. */
  event: string
  sessionId: string | null
  /** The request's body: JSON, after the secret filter and cuts. */
  body: string
}

/** Why an event lies in `failed/`. */
export type FailureReason =
  /** The server refused it for good. */
  | 'rejected'
  /** All its tries are used up. */
  | 'exhausted'
  /** It waited longer than the spool keeps events. */
  | 'expired'
  /** The file cannot be read as an event. */
  | 'corrupt'
  /** It has no seal of this user's: somebody else may have put it there. */
  | 'unsealed'
  /** What came on stdin cannot be read as an event. */
  | 'unreadable-input'

/** What is kept beside an event in `failed/`, in `<requestId>.reason.json`. */
export interface Failure {
  reason: FailureReason
  /** ISO 8601. */
  at: string
  message: string
  tries: number
  status?: number
  code?: string
  /** The server's problem document, as it came, at most 16 KiB. */
  problem?: unknown
}

/** Why an event was given up without reaching the server. */
export type DropReason =
  /** The spool had no room left. */
  | 'full'
  /** It lay in `failed/` longer than the spool keeps events there. */
  | 'expired'
  /** No place on disk would take it. */
  | 'unwritable'

/** A failure of sending, as it is kept and reported. */
export interface LastError {
  /** Such as `ECONNREFUSED`, `http_503` or the problem document's `code`. */
  code: string
  message: string
  /** ISO 8601. */
  at: string
}

/** What is known about an event whose sending failed. */
export interface RetryState {
  /** Sends that failed (each of up to three quick tries). */
  sends: number
  /** Requests made: what `x-retry-attempt` counts. */
  tries: number
  /** Epoch milliseconds. */
  lastTriedAt: number
  nextTryAt: number
  lastError: LastError
  /** True once it was cut smaller because the server found it too large. */
  shrunk?: boolean
}

/** Drops by reason; absent means none. */
export type DropCounts = Partial<Record<DropReason, number>>

/** A reason not to send anything at all for a while; nothing is rejected and no event's tries are used. */
export interface Hold {
  /**
   * `refused`: wrong key, role or URL (401, 403, 404 and their kin). `unreachable`: no connection.
   * `busy`: the server asked for time (429, 502, 503).
   */
  kind: 'refused' | 'unreachable' | 'busy'
  /** Epoch milliseconds. */
  since: number
  lastTriedAt: number
  nextTryAt: number
  /** Sends in a row that ended so. */
  sends: number
  status?: number
  error: LastError
  /** Fingerprint of the URL and key it happened with: other settings are not held. */
  settings: string
}

/** The durable side of a spool, in `state.json`; written by the sender alone. */
export interface SpoolState {
  version: 1
  /** UUID of this spool's client, made once. */
  clientId: string
  /** Dropped since the spool exists: what is reported. */
  totalDrops: DropCounts
  /** As much of it as the server has confirmed. */
  reportedDrops: DropCounts
  /** Events that the server took since the spool exists. */
  sent: number
  lastSuccessAt: string | null
  lastError: LastError | null
  hold: Hold | null
  retries: Record<string, RetryState>
  /** Drop markers that are counted above and not yet removed. */
  foldedDrops: string[]
}

/** One event of a listing. */
export interface SpoolEntry {
  folder: SpoolFolder
  /** The file's name in its folder. */
  file: string
  requestId: string
  /** Undefined when the file cannot be read as an event: then `corrupt` says why. */
  event?: Omit<SpooledEvent, 'body'> & { bodyBytes: number }
  corrupt?: string
  /** Why it may not be an event that this user captured. */
  unsealed?: string
  bytes: number
  /** Never negative, also when the clock went back. */
  ageMs: number
  retry?: RetryState
  /** Of an event in `failed/`. */
  failure?: Failure
  /** Of an event in `processing/`. */
  claim?: Claim
}

/** Who sends an event just now, and until when it may. */
export interface Claim {
  owner: string
  /** Epoch milliseconds. */
  leaseUntil: number
}

/** Numbers for `status`. */
export interface SpoolStatus {
  dir: string
  exists: boolean
  pending: number
  processing: number
  failed: number
  /** Of the failed ones those that were put aside because this user did not capture them, or without a key. */
  unsealed: number
  bytes: number
  /** Of the oldest event that waits; null without one. */
  oldestAgeMs: number | null
  state: SpoolState | null
  /** Drops, those not yet folded into the state included. */
  dropped: { total: DropCounts; unreported: DropCounts }
  /** The sender at work, if any. */
  sender: SenderInfo | null
  /** The last event that could not be captured here; null when there was none. */
  captureError: LastError | null
  /** Why events can neither be sealed nor sent; null when they can. */
  sealProblem: string | null
}

/** What a sender says of itself in `sender.lock`. */
export interface SenderInfo {
  token: string
  pid: number
  host: string
  /** ISO 8601. */
  startedAt: string
  /** `waiting`: everything that is left waits for its time. */
  activity: 'sending' | 'waiting'
  /** Fingerprint of the URL, key and version it works with. */
  settings: string
  version: string
  /** Epoch milliseconds of the last sign of life. */
  heartbeatAt: number
}

/** One thing that `fsck` found. */
export interface FsckFinding {
  kind:
    | 'corrupt-event'
    | 'unsealed-event'
    | 'no-seal-key'
    | 'stray-file'
    | 'orphaned-claim'
    | 'duplicate-claim'
    | 'orphaned-reason'
    | 'leftover-temp'
    | 'corrupt-state'
    | 'stale-lock'
    | 'wrong-mode'
  path: string
  message: string
  /** What was done about it; undefined when it was only looked at, or cannot be mended. */
  repaired?: string
}
