import { ConflictError, formatId, NotFoundError, PosthornError, parseId } from '@posthorn/core'
import {
  acceptCapture,
  describeInvalid,
  EventRepository,
  findReprocessable,
  inTransaction,
  keyMismatch,
  loadCaptured,
  type ReprocessFilter,
  requeueProjections,
  takeInvalid,
} from '@posthorn/db'
import type pg from 'pg'
import type { CaptureIntake } from './capture.ts'
import { draftOf, type InvalidDraft } from './draft.ts'
import { bareState, resultOf } from './result.ts'
import type { CaptureResult, ReprocessReport } from './types.ts'

/** Events that one bulk call processes. */
const MOST = 200

/** Processes events again that are FAILED, ERROR or INVALID. */
export class Reprocessing {
  readonly #pool: pg.Pool
  readonly #intake: CaptureIntake
  readonly #leaseMs: number

  constructor(parts: { pool: pg.Pool; intake: CaptureIntake; leaseMs: number }) {
    this.#pool = parts.pool
    this.#intake = parts.intake
    this.#leaseMs = parts.leaseMs
  }

  /** See `Capture.reprocess`. */
  async one(appId: string, eventId: string): Promise<CaptureResult> {
    const id = parseId('evt', eventId)
    const event = id && (await new EventRepository(this.#pool).get(appId, id))
    if (!event) throw new NotFoundError('There is no such event.')
    if (event.status === 'INVALID') return this.#readAgain(appId, event.id, this.#leaseMs)
    const [queued] = await requeueProjections(this.#pool, appId, [event.id], this.#leaseMs)
    if (!queued) throw notReprocessable(event.status)
    const captured = (await loadCaptured(this.#pool, [event.id])).get(event.id)
    const context = { requestId: event.requestId, event: null, kind: kindOf(event.eventType) }
    if (!captured || !queued.leaseToken) return resultOf(bareState(event.id, 'PROCESSING'), context)
    const lease = { eventId: event.id, leaseToken: queued.leaseToken }
    return resultOf(await this.#intake.projectNow({ lease, event: captured, tries: 0 }), context)
  }

  /** See `Capture.reprocessMany`. */
  async many(appId: string, filter: ReprocessFilter): Promise<ReprocessReport> {
    const found = await findReprocessable(this.#pool, appId, filter, MOST)
    const ids = (isInvalid: boolean) =>
      found.filter(({ status }) => (status === 'INVALID') === isInvalid).map(({ id }) => id)
    const queued = await requeueProjections(this.#pool, appId, ids(false), null)
    const report = { queued: queued.length, invalid: 0, duplicates: 0, mismatched: 0 }
    for (const id of ids(true)) {
      const became = await this.#sort(appId, id)
      if (became) report[became] += 1
    }
    const last = found.length === MOST ? found.at(-1) : undefined
    return { ...report, next: last ? formatId('evt', last.id) : null }
  }

  async #sort(
    appId: string,
    id: string,
  ): Promise<'queued' | 'invalid' | 'duplicates' | 'mismatched' | undefined> {
    try {
      const { status } = await this.#readAgain(appId, id, null)
      return status === 'INVALID' ? 'invalid' : status === 'DUPLICATE' ? 'duplicates' : 'queued'
    } catch (error) {
      if (PosthornError.is(error) && error.code === 'idempotency_mismatch') return 'mismatched'
      // Somebody else has processed it in the meantime.
      if (PosthornError.is(error) && error.code === 'conflict') return undefined
      throw error
    }
  }

  /** Reads an INVALID event anew. What it has become is written in its place, all of it or nothing. */
  async #readAgain(appId: string, id: string, leaseMs: number | null): Promise<CaptureResult> {
    const become = await inTransaction(this.#pool, async (client) => {
      const kept = await takeInvalid(client, appId, id)
      if (!kept) throw notReprocessable()
      const { occurredAt, source: _, eventType: __, sessionId: ___, ...received } = kept
      const draft = draftOf({ ...received, capturedAt: occurredAt.toISOString() })
      if (!draft.ok) throw new StillInvalid(draft.error)
      const options = { leaseMs, report: null, prepared: false }
      const answer = await acceptCapture(client, draft.value.capture, options)
      // Thrown in here: the row that was taken away comes back.
      if (answer.kind === 'mismatch') throw keyMismatch()
      return { draft: draft.value, answer }
    }).catch(async (error: unknown) => {
      if (!(error instanceof StillInvalid)) throw error
      await describeInvalid(this.#pool, appId, id, error.draft.message)
      return error.draft
    })
    if ('issues' in become) {
      const error = { code: 'validation', message: become.message, stack: null } as const
      const state = { ...bareState(id, 'INVALID'), error }
      return resultOf(state, { ...become, requestId: become.row.requestId, event: null })
    }
    const { draft, answer } = become
    const { capture, event } = draft
    const context = { requestId: capture.requestId, event, kind: event.kind }
    if (answer.kind === 'duplicate') return resultOf(bareState(id, 'DUPLICATE'), context)
    if (answer.leaseToken === null) return resultOf(bareState(id, 'PENDING'), context)
    const lease = { eventId: id, leaseToken: answer.leaseToken }
    return resultOf(await this.#intake.projectNow({ lease, event: capture, read: event, tries: 0 }), context)
  }
}

class StillInvalid extends Error {
  readonly draft: InvalidDraft

  constructor(draft: InvalidDraft) {
    super(draft.message)
    this.draft = draft
  }
}

const notReprocessable = (status?: string) =>
  new ConflictError(
    `Only events that are FAILED, ERROR or INVALID are processed again${status ? `; this one is ${status}` : ''}.`,
  )

/** `claude-code.Stop` without what all captured events begin with. */
const kindOf = (eventType: string): string => eventType.slice(eventType.indexOf('.') + 1)
