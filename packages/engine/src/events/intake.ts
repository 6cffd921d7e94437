import { ConflictError, UnavailableError } from '@posthorn/core'
import {
  type Acceptance,
  acceptEvents,
  asIntakeError,
  isContention,
  isDataError,
  type KeyMismatch,
  keyMismatch,
  type NewEvent,
  unavailable,
} from '@posthorn/db'
import type pg from 'pg'

const MAX_GROUP_EVENTS = 200
const MAX_GROUP_BYTES = 4 * 1_048_576
const MAX_COMMITS = 2
const MAX_WAITING_BYTES = 256 * 1_048_576
const SIDE_SLOTS = 2
const PATIENCE_MS = 5_000

interface Waiting {
  readonly event: NewEvent
  readonly bytes: number
  /** monotonic time after which it no longer waits for somebody else's lock */
  readonly patience: number
  resolve(answer: Acceptance): void
  reject(error: unknown): void
}

/**
 * Takes single events and commits them in groups: a group leaves as soon as fewer than two commits are in flight, so an
 * idle system adds no wait and a busy one fills its groups by itself. Every caller is answered after its own commit.
 *
 * What fails stays with whom it belongs to: an event that the database refuses is found by halving its group; where
 * somebody's open transaction holds a key, the keyed events leave the group for a side lane. There each is tried alone and
 * in turn, so that one whose key is held waits a bounded time and the others go through at once.
 *
 * Events of one ordering key are never in two commits at the same time: their order is the one in which they came.
 */
export class EventIntake {
  readonly #pool: pg.Pool
  readonly #prepared: boolean
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #isScheduled = false
  #inFlight = 0
  readonly #side: Waiting[] = []
  #sideInFlight = 0
  /** ordering keys in commits that are in flight */
  readonly #ordering = new Set<string>()

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
      this.#waiting.push({ event, bytes, patience: performance.now() + PATIENCE_MS, resolve, reject })
      this.#waitingBytes += bytes
      if (this.#isScheduled) return
      this.#isScheduled = true
      // After this turn of the event loop: requests that were read together leave together.
      setImmediate(() => {
        this.#isScheduled = false
        this.#flush()
      })
    })
  }

  #flush(): void {
    while (this.#inFlight < MAX_COMMITS && this.#waiting.length > 0) {
      const group = this.#takeGroup()
      if (group.length === 0) return
      const ordering = group.flatMap(({ event }) => orderingOf(event) ?? [])
      for (const key of ordering) this.#ordering.add(key)
      this.#inFlight += 1
      void this.#write(group).finally(() => {
        this.#inFlight -= 1
        for (const key of ordering) this.#ordering.delete(key)
        this.#flush()
      })
    }
  }

  #takeGroup(): Waiting[] {
    const group: Waiting[] = []
    const left: Waiting[] = []
    let bytes = 0
    let at = 0
    for (; at < this.#waiting.length; at += 1) {
      const waiting = this.#waiting[at]
      if (!waiting) break
      if (group.length === MAX_GROUP_EVENTS || (group.length > 0 && bytes + waiting.bytes > MAX_GROUP_BYTES))
        break
      const key = orderingOf(waiting.event)
      if (key !== undefined && this.#ordering.has(key)) {
        left.push(waiting)
        continue
      }
      group.push(waiting)
      bytes += waiting.bytes
    }
    this.#waitingBytes -= bytes
    this.#waiting.splice(0, at, ...left)
    return group
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
      const [keyed, free] = [
        group.filter(({ event }) => event.key !== null),
        group.filter(({ event }) => event.key === null),
      ]
      this.#side.push(...keyed)
      this.#serveSide()
      // Without a key an event waits for nobody's key: something holds the tables themselves.
      const patient = keyed.length > 0 ? free : free.filter(({ patience }) => performance.now() < patience)
      for (const waiting of free) if (!patient.includes(waiting)) waiting.reject(unavailable(error))
      if (patient.length > 0) await this.#write(patient)
    } else if (isDataError(error) && group.length > 1) {
      const half = Math.ceil(group.length / 2)
      await this.#write(group.slice(0, half))
      await this.#write(group.slice(half))
    } else {
      for (const waiting of group) waiting.reject(asIntakeError(error))
    }
  }

  #serveSide(): void {
    while (this.#sideInFlight < SIDE_SLOTS) {
      const waiting = this.#side.shift()
      if (!waiting) return
      this.#sideInFlight += 1
      void this.#writeAlone(waiting).finally(() => {
        this.#sideInFlight -= 1
        this.#serveSide()
      })
    }
  }

  async #writeAlone(waiting: Waiting): Promise<void> {
    try {
      const [answer] = await acceptEvents(this.#pool, [waiting.event], {
        wake: true,
        prepared: this.#prepared,
      })
      settle(waiting, answer)
    } catch (error) {
      if (!isContention(error)) waiting.reject(asIntakeError(error))
      else if (performance.now() > waiting.patience) waiting.reject(inFlight())
      else this.#side.push(waiting)
    }
  }
}

/** An ordering key, told apart from the same word of another app. */
const orderingOf = ({ appId, orderingKey }: NewEvent): string | undefined =>
  orderingKey === null ? undefined : `${appId} ${orderingKey}`

function settle(waiting: Waiting, answer: Acceptance | KeyMismatch | undefined): void {
  if (answer && 'eventId' in answer) waiting.resolve(answer)
  else waiting.reject(keyMismatch())
}

const inFlight = () =>
  new ConflictError('A request with the same id is still in flight.', { isRetryable: true })
