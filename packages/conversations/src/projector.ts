import type { Clock } from '@posthorn/core'
import {
  applyProjection,
  type CapturedEvent,
  type CaptureState,
  type Projection,
  type ProjectionFailure,
  type ProjectionLease,
  settleProjections,
} from '@posthorn/db'
import type pg from 'pg'
import { failureOf, ProjectionError } from './failures.ts'
import { type HookEvent, readText } from './hook-event.ts'
import { projectEvent } from './project-event.ts'

/** What projects events. */
export interface ProjectorOptions {
  readonly pool: pg.Pool
  readonly prepared: boolean
  readonly clock: Clock
}

/** A leased event. */
export interface ProjectionWork {
  readonly lease: ProjectionLease
  readonly event: CapturedEvent
  /** the event as it was read already, where it was */
  readonly read?: HookEvent
  /** tries that failed before this one */
  readonly tries: number
}

/** Projects leased events, and writes what went wrong with one. */
export class Projector {
  readonly #options: ProjectorOptions

  constructor(options: ProjectorOptions) {
    this.#options = options
  }

  /**
   * @returns how far the event has come; undefined when the lease is lost
   * @throws what the database said when it could not even take the failure: the lease runs out then
   */
  async project(work: ProjectionWork): Promise<CaptureState | undefined> {
    const { pool, prepared, clock } = this.#options
    const beganAt = clock.monotonic()
    const elapsedMs = () => clock.monotonic() - beganAt
    try {
      return await applyProjection(pool, work.lease, projectionOf(work), { prepared, elapsedMs })
    } catch (error) {
      const failure = failureOf(error, work.tries + 1)
      return this.#settle({ ...work.lease, ...failure, processingTimeMs: elapsedMs() })
    }
  }

  async #settle(failure: ProjectionFailure): Promise<CaptureState | undefined> {
    const written = await settleProjections(this.#options.pool, [failure])
    if (!written.has(failure.eventId)) return undefined
    return {
      eventId: failure.eventId,
      status: failure.next.status,
      conversationId: null,
      messageId: null,
      toolUseId: null,
      error: failure.error,
    }
  }
}

function projectionOf({ event, read }: ProjectionWork): Projection | null {
  try {
    return projectEvent(event, read ?? readAgain(event))
  } catch (error) {
    throw new ProjectionError(error)
  }
}

/** What was valid when it was taken in may be invalid for a later version. */
function readAgain({ payload }: CapturedEvent): HookEvent {
  const result = readText(payload)
  if (result.ok) return result.value
  throw new Error(result.error.issues.map(({ path, message }) => `${path} ${message}`.trim()).join('; '))
}
