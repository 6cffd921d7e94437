import { ConflictError, IdempotencyError, UnavailableError, ValidationError } from '@posthorn/core'
import { type Acceptance, acceptEvents, type KeyMismatch, type NewEvent } from '@posthorn/db'
import type pg from 'pg'
import { isConnectionLoss, isContention, isDataError } from '../pg-errors.ts'

const MAX_GROUP_EVENTS = 200
const MAX_GROUP_BYTES = 4 * 1_048_576
const MAX_COMMITS = 2
const MAX_WAITING_BYTES = 256 * 1_048_576
const SIDE_SLOTS = 2
const SIDE_PATIENCE_MS = 5_000

interface Waiting {
  readonly event: NewEvent
  readonly bytes: number
  resolve(answer: Acceptance): void
  reject(error: unknown): void
}

/**
 * Takes single events and commits them in groups: a group leaves as soon as fewer than two commits are in flight, so an
 * idle system adds no wait and a busy one fills its groups by itself. Every caller is answered after its own commit.
 *
 * What fails stays with whom it belongs to: an event that the database refuses is found by halving its group; a keyed
 * event whose key somebody's open transaction holds leaves the group for a side lane, where it waits a bounded time.
 */
export class EventIntake {
  readonly #pool: pg.Pool
  readonly #prepared: boolean
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #inFlight = 0
  #side: Promise<unknown>[] = []

  /** @param pool its connections must have a short `lock_timeout`: a lock held by a caller must not stop others' events */
  constructor(pool: pg.Pool, options: { prepared: boolean }) {
    this.#pool = pool
    this.#prepared = options.prepared
  }

  /**
   * @throws IdempotencyError when its key was used for another event; ConflictError (retryable) when a first use of
   * its key is still in flight after 5 s; UnavailableError when the database cannot take it
   */
  accept(event: NewEvent): Promise<Acceptance> {
    const bytes = event.payload.length
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      return Promise.reject(new UnavailableError('Too much is waiting to be written.'))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, bytes, resolve, reject })
      this.#waitingBytes += bytes
      // After this turn of the event loop: requests that were read together leave together.
      if (this.#waiting.length === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    while (this.#inFlight < MAX_COMMITS && this.#waiting.length > 0) {
      const group = this.#takeGroup()
      this.#inFlight += 1
      void this.#write(group).finally(() => {
        this.#inFlight -= 1
        this.#flush()
      })
    }
  }

  #takeGroup(): Waiting[] {
    let bytes = 0
    let size = 0
    for (const waiting of this.#waiting) {
      if (size === MAX_GROUP_EVENTS || (size > 0 && bytes + waiting.bytes > MAX_GROUP_BYTES)) break
      bytes += waiting.bytes
      size += 1
    }
    this.#waitingBytes -= bytes
    return this.#waiting.splice(0, size)
  }

  async #write(group: Waiting[]): Promise<void> {
    try {
      const answers = await acceptEvents(
        this.#pool,
        group.map((waiting) => waiting.event),
        { wake: true, prepared: this.#prepared },
      )
      group.forEach((waiting, at) => {
        settle(waiting, answers[at])
      })
    } catch (error) {
      await this.#recover(group, error)
    }
  }

  async #recover(group: Waiting[], error: unknown): Promise<void> {
    if (isContention(error)) {
      const free = group.filter((waiting) => waiting.event.key === null)
      const keyed = group.filter((waiting) => waiting.event.key !== null)
      for (const waiting of keyed) void this.#sideLane(waiting)
      if (free.length > 0) await this.#write(free)
    } else if (isDataError(error) && group.length > 1) {
      const half = Math.ceil(group.length / 2)
      await this.#write(group.slice(0, half))
      await this.#write(group.slice(half))
    } else {
      for (const waiting of group) waiting.reject(asIntakeError(error))
    }
  }

  async #sideLane(waiting: Waiting): Promise<void> {
    const deadline = performance.now() + SIDE_PATIENCE_MS
    while (this.#side.length >= SIDE_SLOTS) await Promise.race(this.#side)
    const turn = this.#waitForKey(waiting, deadline)
    this.#side.push(turn)
    await turn
    this.#side = this.#side.filter((other) => other !== turn)
  }

  async #waitForKey(waiting: Waiting, deadline: number): Promise<void> {
    for (;;) {
      try {
        const [answer] = await acceptEvents(this.#pool, [waiting.event], { wake: true, prepared: this.#prepared })
        settle(waiting, answer)
        return
      } catch (error) {
        if (!isContention(error)) return waiting.reject(asIntakeError(error))
        if (performance.now() > deadline) return waiting.reject(inFlight())
      }
    }
  }
}

function settle(waiting: Waiting, answer: Acceptance | KeyMismatch | undefined): void {
  if (answer && 'eventId' in answer) waiting.resolve(answer)
  else waiting.reject(keyMismatch())
}

/** What a caller is told when its key was used for something else. */
export const keyMismatch = (): IdempotencyError =>
  new IdempotencyError('The request id was used before, for another event.')

const inFlight = () =>
  new ConflictError('A request with the same id is still in flight.', { isRetryable: true })

/** What a caller is told of a database error while its event was being written. */
export function asIntakeError(error: unknown): unknown {
  if (isConnectionLoss(error)) return new UnavailableError('The database cannot take the event now.', { cause: error })
  if (isContention(error)) return new ConflictError('The event collided with another transaction.', { isRetryable: true, cause: error })
  if (isDataError(error)) {
    return new ValidationError([{ path: '', message: 'holds something that PostgreSQL cannot keep' }], { cause: error })
  }
  return error
}
