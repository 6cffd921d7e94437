import { describeIssues, uuidv7 } from '@posthorn/core'
import {
  acceptCapture,
  asIntakeError,
  type CaptureState,
  type ClientReport,
  isContention,
  isDataError,
  keepInvalid,
  keyMismatch,
  unavailable,
} from '@posthorn/db'
import type pg from 'pg'
import { draftOf, type InvalidDraft, type ValidDraft } from './draft.ts'
import type { ProjectionWork, Projector } from './projector.ts'
import { bareState, resultOf } from './result.ts'
import type { CaptureRequest, CaptureResult } from './types.ts'
import { within } from './within.ts'

/** What captured events are taken in with. */
export interface IntakeOptions {
  readonly pool: pg.Pool
  readonly projector: Projector
  /** how long an event is ours to project; any worker takes it afterwards */
  readonly leaseMs: number
  /** how long an answer waits for the projection */
  readonly patienceMs: number
  readonly prepared: boolean
  /** what kept a projection from being finished or given up; it is taken over by a worker */
  readonly onError: (error: unknown) => void
}

/** Takes captured events in: what is answered is on disk, and its projection is ours or queued. */
export class CaptureIntake {
  readonly #options: IntakeOptions

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** See `Capture.accept`. */
  async accept(request: CaptureRequest): Promise<CaptureResult> {
    const { project, client, ...received } = request
    const draft = draftOf({ ...received, id: uuidv7(), receivedAt: null, metadata: null })
    try {
      return draft.ok
        ? await this.#take(draft.value, client, project)
        : await this.#refuse(draft.error, request.body, client)
    } catch (error) {
      if (!draft.ok || !isDataError(error)) throw asRetryable(error)
      return this.#refuse(unkeepable(draft.value), request.body, client)
    }
  }

  async #take(draft: ValidDraft, report: ClientReport | null, project: boolean): Promise<CaptureResult> {
    const { pool, leaseMs, prepared } = this.#options
    const { capture, event } = draft
    const context = { requestId: capture.requestId, event, kind: event.kind }
    const answer = await acceptCapture(pool, capture, { leaseMs: project ? leaseMs : null, report, prepared })
    if (answer.kind === 'mismatch') throw keyMismatch()
    if (answer.kind === 'duplicate') return resultOf(answer.first, { ...context, duplicate: true })
    if (answer.leaseToken === null) return resultOf(bareState(capture.id, 'PENDING'), context)
    const lease = { eventId: capture.id, leaseToken: answer.leaseToken }
    const state = await this.projectNow({ lease, event: capture, read: event, tries: 0 })
    return resultOf(state, context)
  }

  async #refuse(draft: InvalidDraft, body: Buffer, report: ClientReport | null): Promise<CaptureResult> {
    const { row, kind, issues, message } = draft
    await keepInvalid(this.#options.pool, row, { body, message, report })
    const state: CaptureState = {
      ...bareState(row.id, 'INVALID'),
      error: { code: 'validation', message, stack: null },
    }
    return resultOf(state, { requestId: row.requestId, event: null, kind, issues })
  }

  /**
   * Projects an event that is leased to us. Where the database cannot even be told of a failure, or takes too long, the
   * lease runs out and a worker goes on: the event is kept already, and that is what the answer says.
   */
  async projectNow(work: ProjectionWork): Promise<CaptureState> {
    const processing = bareState(work.lease.eventId, 'PROCESSING')
    const { projector, patienceMs, onError } = this.#options
    const projected = projector.project(work).catch((error: unknown) => {
      onError(error)
      return undefined
    })
    return (await within(projected, patienceMs)) ?? processing
  }
}

/** Whatever the database could not do may work later: the sender keeps the event and comes again. */
const asRetryable = (error: unknown): unknown =>
  isContention(error) ? unavailable(error) : asIntakeError(error)

/** An event that is valid, and that PostgreSQL refuses for something in it. */
function unkeepable({ capture, event }: ValidDraft): InvalidDraft {
  const issues = [{ path: '', message: 'holds something that PostgreSQL cannot keep' }]
  return { row: capture, kind: event.kind, issues, message: describeIssues(issues) }
}
