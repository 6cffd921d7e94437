import { parseId, systemClock, ValidationError } from '@posthorn/core'
import type { ReprocessFilter } from '@posthorn/db'
import type pg from 'pg'
import { CaptureIntake } from './capture.ts'
import { Projector } from './projector.ts'
import { Reprocessing } from './reprocess.ts'
import type { CaptureRequest, CaptureResult, ReprocessReport } from './types.ts'

/** What captured events are taken in with. Durations are milliseconds. */
export interface CaptureOptions {
  /** its connections should have a `lock_timeout`: a request must not wait for somebody's open transaction */
  readonly pool: pg.Pool
  /** named statements; false behind a transaction pooler (true) */
  readonly prepared?: boolean
  /** how long a projection in a request may take until workers take it for abandoned (30 000) */
  readonly leaseMs?: number
  /** how long an answer waits for its projection (5 000) */
  readonly patienceMs?: number
  /** what kept a projection from being finished; a worker takes it over */
  readonly onError?: (error: unknown) => void
}

/** The front of captured events. */
export interface Capture {
  /**
   * Keeps an event and projects it. What is answered is on disk, also when the projection is still to come. An event that
   * is invalid is kept with what is wrong with it, and answered as `INVALID`.
   *
   * @throws IdempotencyError when its request id was used for another event; UnavailableError when the database cannot
   * take it now
   */
  accept(request: CaptureRequest): Promise<CaptureResult>
  /**
   * Processes an event again that is FAILED, ERROR or INVALID, at once. One that was INVALID is checked anew.
   *
   * @throws NotFoundError; ConflictError when it is in another status; IdempotencyError when it was INVALID and its
   * request id was used for another event in the meantime
   */
  reprocess(appId: string, eventId: string): Promise<CaptureResult>
  /**
   * Hands up to 200 events, the oldest first, to the workers again.
   *
   * @param filter.after an event's id: goes on behind it
   */
  reprocessMany(appId: string, filter: ReprocessFilter): Promise<ReprocessReport>
}

/** A front over a database. It holds nothing that would have to be closed. */
export function createCapture(options: CaptureOptions): Capture {
  const { pool, prepared = true, leaseMs = 30_000, patienceMs = 5_000 } = options
  const projector = new Projector({ pool, prepared, clock: systemClock })
  const onError = options.onError ?? (() => undefined)
  const intake = new CaptureIntake({ pool, projector, leaseMs, patienceMs, prepared, onError })
  const reprocessing = new Reprocessing({ pool, intake, leaseMs })
  return {
    accept: (request) => intake.accept(request),
    reprocess: (appId, eventId) => reprocessing.one(appId, eventId),
    reprocessMany: (appId, { after, ...filter }) => {
      if (after === undefined) return reprocessing.many(appId, filter)
      const id = parseId('evt', after)
      if (id === undefined) {
        const issue = { path: 'after', message: 'is not the id of an event', expected: 'evt_…' }
        return Promise.reject(new ValidationError([issue]))
      }
      return reprocessing.many(appId, { ...filter, after: id })
    },
  }
}
