import {
  allowance,
  type CircuitEvent,
  type CircuitSettings,
  type CircuitState,
  type CircuitStore,
  type ForceEvent,
  holdsProbe,
  initialState,
  outcomeOf,
  retryAfterMs,
} from '@posthorn/circuit-breaker'
import type { Clock } from '@posthorn/core'
import type { Timers } from '../time/timers.ts'
import { TIMED_OUT, within } from '../time/watch.ts'
import type { Admission, AdmissionLimits, CircuitListener, CircuitTarget, Refusal } from './admission.ts'
import { Reports } from './reports.ts'

/** What a {@link CircuitGate} needs. */
export interface CircuitGateOptions {
  readonly store: CircuitStore
  readonly settings: (endpointId: string) => CircuitSettings
  readonly clock: Clock
  readonly timers: Timers
  readonly listener: CircuitListener
}

/** What this process knows of a circuit. */
interface Known {
  state: CircuitState
  /** Monotonic milliseconds at which the store said so; a guess is older than anything. */
  learnedAt: number
  /** Monotonic milliseconds from which on it is read again. */
  refreshFrom: number
  /** The read that is under way beside the calls, and since when, monotonic milliseconds. */
  refreshing: { readonly done: Promise<void>; readonly since: number } | undefined
  /** The last read failed or took too long: nobody waits for another until one has succeeded. */
  isStoreSilent: boolean
  /** Monotonic milliseconds from which on a probe may be asked for: not while one is being asked for. */
  askFrom: number
  readonly reports: Reports
}

/** A state older than this is read again, beside the call that uses it. Milliseconds. */
const REFRESH_MS = 1_000
/** A state older than this decides nothing before it was read again: a person may have decided since. Milliseconds. */
const STALE_MS = 2_000
/** A read that has taken this long is not one to begin waiting for, milliseconds. */
const SLOW_READ_MS = 250
/** Pause between two requests for a probe after the store refused one: its clock and ours may differ. */
const ASK_AGAIN_MS = 250
/** A store that has not answered by then is taken for one that failed. */
const STORE_TIMEOUT_MS = 5_000
const MAX_KNOWN = 10_000
const NEVER = Number.POSITIVE_INFINITY
const NEVER_LEARNED = Number.NEGATIVE_INFINITY

/**
 * Lets calls through to apps, or not. Circuits live in a store that processes share; what this process last saw of one
 * decides at once, and is brought up to date beside the calls. Only the first calls to a circuit, or after a pause, and
 * those that probe an open one wait for the store.
 */
export class CircuitGate {
  readonly #options: CircuitGateOptions
  readonly #known = new Map<string, Known>()
  readonly #firstReads = new Map<string, Promise<void>>()
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(options: CircuitGateOptions) {
    this.#options = options
  }

  /**
   * Asks to make one request.
   *
   * @param limits.leaseMs for how long a probe's place is kept if its outcome is never reported
   * @param limits.waitMs the longest that the store is waited for: a circuit that nothing is known of then lets the
   *   request pass, one that is open refuses it, and one that was seen long ago decides as it was then
   * @returns at once in nearly every case; a promise where the store has to be asked, which never rejects
   */
  admit(target: CircuitTarget, limits: AdmissionLimits): Admission | Refusal | Promise<Admission | Refusal> {
    const known = this.#known.get(target.endpointId)
    if (known === undefined) return this.#meet(target, limits)
    if (this.#monotonic() >= known.refreshFrom) this.#refresh(target, known)
    const reading = this.#worthWaitingFor(known)
    return reading === undefined
      ? this.#decide(target, known, limits)
      : this.#decideAfter(reading, target, known, limits)
  }

  /** The circuit as the store has it. */
  async state(target: CircuitTarget): Promise<CircuitState> {
    return this.#read(target)
  }

  /** A person's decision. @throws what the store throws */
  async decide(target: CircuitTarget, decision: 'reset' | ForceEvent['to']): Promise<CircuitState> {
    const event: CircuitEvent = decision === 'reset' ? { type: 'reset' } : { type: 'force', to: decision }
    return this.#apply(target, [event])
  }

  /** Waits until everything that was reported has reached the store, or was given up. */
  async close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay])
  }

  /** By what is known. */
  #decide(
    target: CircuitTarget,
    known: Known,
    limits: AdmissionLimits,
  ): Admission | Refusal | Promise<Admission | Refusal> {
    if (letsAllPass(known.state)) return this.#pass(target, known)
    const mayProbe =
      this.#monotonic() >= known.askFrom && allowance(known.state, this.#settings(target), this.#now()) > 0
    return mayProbe ? this.#probe(target, known, limits) : this.#refuse(target, known)
  }

  /** The read under way, if what is known is too old to decide by and the store is likely to answer soon. */
  #worthWaitingFor({ learnedAt, refreshing, isStoreSilent }: Known): Promise<void> | undefined {
    if (refreshing === undefined || isStoreSilent) return undefined
    const now = this.#monotonic()
    return now - learnedAt >= STALE_MS && now - refreshing.since < SLOW_READ_MS ? refreshing.done : undefined
  }

  async #decideAfter(
    reading: Promise<void>,
    target: CircuitTarget,
    known: Known,
    limits: AdmissionLimits,
  ): Promise<Admission | Refusal> {
    const beganAt = this.#monotonic()
    await within(this.#options.timers, reading, limits.waitMs)
    const waitMs = limits.waitMs - (this.#monotonic() - beganAt)
    const latest = this.#known.get(target.endpointId) ?? known
    return this.#decide(target, latest, { ...limits, waitMs })
  }

  /** The first request to a circuit: what the store says of it decides. */
  async #meet(target: CircuitTarget, limits: AdmissionLimits): Promise<Admission | Refusal> {
    const answer = await within(this.#options.timers, this.#firstRead(target), limits.waitMs)
    if (!this.#known.has(target.endpointId)) {
      if (answer === TIMED_OUT) this.#options.listener.failed(target, new Error('not read in time'))
      this.#guess(target)
    }
    return this.admit(target, limits)
  }

  #pass(target: CircuitTarget, known: Known): Admission {
    const { epoch } = known.state
    return {
      isAdmitted: true,
      epoch,
      settle: (outcome, durationMs) => {
        if (outcome === 'released' || known.state.epoch !== epoch) return
        known.reports.add(outcomeOf(epoch, outcome, this.#isSlow(target, durationMs)), {
          isFailing: hasFailures(known.state),
          window: this.#settings(target).window,
          nowMs: this.#now(),
        })
        this.#send(target, known)
      },
    }
  }

  async #probe(target: CircuitTarget, known: Known, limits: AdmissionLimits): Promise<Admission | Refusal> {
    known.askFrom = NEVER
    const asking = this.#askForProbe(target, known, limits.leaseMs)
    const answer = await within(this.#options.timers, asking, limits.waitMs)
    if (answer !== TIMED_OUT) return answer
    // A place that is granted too late is given back.
    void asking.then((late) => late.isAdmitted && late.settle('released', 0))
    return this.#refuse(target, known)
  }

  async #askForProbe(target: CircuitTarget, known: Known, leaseMs: number): Promise<Admission | Refusal> {
    const token = globalThis.crypto.randomUUID()
    known.askFrom = NEVER
    try {
      const event = { type: 'probe_acquired', token, leaseMs: Math.ceil(leaseMs) } as const
      const state = await this.#track(this.#apply(target, [event]))
      known.askFrom = 0
      if (letsAllPass(state)) return this.#pass(target, known)
      // The store has just judged by its own clock: here only the token has to be found.
      if (holdsProbe(state, token, Number.NEGATIVE_INFINITY)) return this.#probeOf(target, token, state.epoch)
    } catch (error) {
      this.#options.listener.failed(target, error)
    }
    known.askFrom = this.#monotonic() + ASK_AGAIN_MS
    return this.#refuse(target, known)
  }

  #probeOf(target: CircuitTarget, token: string, epoch: number): Admission {
    return {
      isAdmitted: true,
      epoch,
      settle: (outcome, durationMs) => {
        const slow = this.#isSlow(target, durationMs)
        const event: CircuitEvent = { type: 'probe_outcome', token, outcome, slow, epoch }
        this.#inBackground(target, this.#apply(target, [event]))
      },
    }
  }

  #refuse(target: CircuitTarget, known: Known): Refusal {
    const waitMs = retryAfterMs(known.state, this.#settings(target), this.#now())
    return { isAdmitted: false, ...(waitMs !== undefined && { retryAfterMs: waitMs }) }
  }

  /** One read for all calls that come while nothing is known of a circuit. Never rejects. */
  #firstRead(target: CircuitTarget): Promise<void> {
    const key = target.endpointId
    const reading = this.#firstReads.get(key)
    if (reading !== undefined) return reading
    const read = this.#read(target)
      .then(
        () => undefined,
        (error) => this.#options.listener.failed(target, error),
      )
      .finally(() => this.#firstReads.delete(key))
    this.#firstReads.set(key, read)
    return this.#track(read)
  }

  /** A store that is down must not stop calls: they go out as if the circuit were closed. */
  #guess(target: CircuitTarget): void {
    this.#learn(target, initialState(), NEVER_LEARNED)
  }

  #refresh(target: CircuitTarget, known: Known): void {
    known.refreshFrom = NEVER
    const reading = this.#read(target).then(
      () => undefined,
      (error) => {
        known.isStoreSilent = true
        this.#options.listener.failed(target, error)
      },
    )
    const done = reading.finally(() => {
      known.refreshFrom = this.#monotonic() + REFRESH_MS
      known.refreshing = undefined
    })
    known.refreshing = { done: this.#track(done), since: this.#monotonic() }
  }

  async #read(target: CircuitTarget): Promise<CircuitState> {
    const beganAt = this.#monotonic()
    const states = await this.#inTime(this.#options.store.read([target.endpointId]))
    const state = states.get(target.endpointId) ?? initialState()
    const known = this.#known.get(target.endpointId)
    if (known !== undefined) known.isStoreSilent = false
    // What was learned from a write since then is newer.
    if (known === undefined || known.learnedAt <= beganAt) this.#learn(target, state, this.#monotonic())
    return state
  }

  /** Sends what was reported, one delta at a time for each circuit, so that a burst needs two and not a thousand. */
  #send(target: CircuitTarget, known: Known): void {
    const events = known.reports.take()
    if (events.length === 0) return
    const sending = this.#apply(target, events).finally(() => {
      known.reports.sent()
      this.#send(target, known)
    })
    this.#inBackground(target, sending)
  }

  async #apply(target: CircuitTarget, events: readonly CircuitEvent[]): Promise<CircuitState> {
    const key = target.endpointId
    const [applied] = await this.#inTime(this.#options.store.apply([{ key, events }]))
    // Without an answer the endpoint is gone: what is said about it concerns nobody any more.
    const state = applied?.state ?? initialState()
    this.#learn(target, state, this.#monotonic())
    for (const change of applied?.changes ?? []) this.#options.listener.changed(target, change)
    return state
  }

  #learn({ endpointId }: CircuitTarget, state: CircuitState, learnedAt: number): void {
    const known = this.#known.get(endpointId)
    if (known !== undefined) {
      known.state = state
      known.learnedAt = learnedAt
      return
    }
    if (this.#known.size >= MAX_KNOWN) this.#forgetOldest()
    const refreshFrom = this.#monotonic() + REFRESH_MS
    this.#known.set(endpointId, {
      ...{ state, learnedAt, refreshFrom, refreshing: undefined },
      ...{ isStoreSilent: learnedAt === NEVER_LEARNED, askFrom: 0, reports: new Reports() },
    })
  }

  #forgetOldest(): void {
    const oldest = this.#known.keys().next()
    if (oldest.done === false) this.#known.delete(oldest.value)
  }

  #isSlow(target: CircuitTarget, durationMs: number): boolean {
    const slowCall = this.#settings(target).slowCall
    return slowCall !== undefined && durationMs >= slowCall.durationMs
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const result = await within(this.#options.timers, work, STORE_TIMEOUT_MS)
    if (result === TIMED_OUT) throw new Error(`no answer within ${STORE_TIMEOUT_MS} ms`)
    return result
  }

  #inBackground(target: CircuitTarget, work: Promise<unknown>): void {
    void this.#track(work.catch((error) => this.#options.listener.failed(target, error)))
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    const forget = () => this.#underWay.delete(work)
    work.then(forget, forget)
    return work
  }

  #settings({ endpointId }: CircuitTarget): CircuitSettings {
    return this.#options.settings(endpointId)
  }

  #now(): number {
    return this.#options.clock.now()
  }

  #monotonic(): number {
    return this.#options.clock.monotonic()
  }
}

function letsAllPass({ name }: CircuitState): boolean {
  return name === 'closed' || name === 'disabled'
}

function hasFailures(state: CircuitState): boolean {
  return 'consecutiveFailures' in state && state.consecutiveFailures > 0
}
