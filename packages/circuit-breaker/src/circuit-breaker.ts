import { type Clock, systemClock, ValidationError } from '@posthorn/core'
import {
  type CallContext,
  everyError,
  type FailureFilter,
  LazyContext,
  settle,
  wasAbandoned,
} from './call.ts'
import { CircuitOpenError } from './circuit-open-error.ts'
import type { CircuitChange, CircuitEvent, ForceEvent } from './events.ts'
import { Listeners, type Subscription } from './listeners.ts'
import { outcomeOf } from './outcomes.ts'
import { parseCircuitSettings } from './parse-settings.ts'
import { parseCircuitState } from './parse-state.ts'
import { CallPermit, type Permit } from './permit.ts'
import { holdsProbe, retryAfterMs } from './probes.ts'
import type { CircuitSettings } from './settings.ts'
import { type CircuitState, type CircuitStateName, initialState } from './state.ts'
import { transition } from './transition.ts'
import { type WindowCounts, windowCounts } from './window.ts'

/** Any of the {@link CircuitSettings}, and what belongs to this process only. */
export interface CircuitBreakerOptions extends Partial<CircuitSettings> {
  /** Named in errors. */
  readonly name?: string
  /** Which calls count as failures. Default: those that throw. */
  readonly isFailure?: FailureFilter
  /** Default: the system's. */
  readonly clock?: Clock
  /** What a listener threw. Default: a process warning. */
  readonly onListenerError?: (error: unknown) => void
}

/** What a {@link CircuitBreaker} announces. */
export interface CircuitBreakerEvents {
  /** The circuit has changed its state. */
  change: CircuitChange
  /** A call was refused. */
  rejected: { readonly state: CircuitStateName; readonly retryAfterMs: number | undefined }
}

/** Options of one {@link CircuitBreaker.execute}. */
export interface ExecuteOptions<T> {
  /** Handed on to the call. Once it fires, `execute` rejects with its reason. */
  readonly signal?: AbortSignal
  /** In place of the breaker's own filter. */
  readonly isFailure?: FailureFilter<T>
}

/**
 * A circuit breaker for the calls of one process to one callee. It has no timers: a breaker that nobody uses costs
 * nothing and needs no closing.
 *
 * @throws ValidationError (constructor) if a setting is wrong; it names every one that is
 */
export class CircuitBreaker {
  readonly name: string | undefined
  readonly settings: CircuitSettings
  readonly #clock: Clock
  /** Epoch milliseconds at the monotonic clock's zero: a wall clock that is set back must not keep a circuit open. */
  readonly #origin: number
  readonly #isFailure: FailureFilter
  readonly #listeners: Listeners<CircuitBreakerEvents>
  #state: CircuitState = initialState()
  /** Rises when the state is replaced from outside, which may bring an epoch back that has been used. */
  #generation = 0

  constructor(options: CircuitBreakerOptions = {}) {
    const { name, isFailure, clock, onListenerError, ...settings } = options
    const parsed = parseCircuitSettings(settings)
    if (!parsed.ok) throw new ValidationError(parsed.error)
    this.name = name
    this.settings = parsed.value
    this.#isFailure = isFailure ?? everyError
    this.#clock = clock ?? systemClock
    this.#origin = this.#clock.now() - this.#clock.monotonic()
    this.#listeners = new Listeners(onListenerError)
  }

  /** The present state. An open circuit stays `open` until the first probe is taken. */
  get state(): CircuitStateName {
    return this.#state.name
  }

  /** What the window holds now. */
  get counts(): WindowCounts {
    return windowCounts(this.#state, this.settings, this.#now())
  }

  /** When a call may pass, milliseconds from now: 0 for at once, undefined while forced open. */
  get retryAfterMs(): number | undefined {
    return retryAfterMs(this.#state, this.settings, this.#now())
  }

  /**
   * Makes the call, if the circuit lets it through, and counts how it ended.
   *
   * A call that `signal` ended counts as a failure if time was up (`AbortSignal.timeout`), and not at all if the
   * caller gave up otherwise.
   *
   * @throws CircuitOpenError if the circuit does not let the call through
   * @throws whatever the call throws, and the signal's reason once it fires
   */
  async execute<T>(
    call: (context: CallContext) => T | PromiseLike<T>,
    options: ExecuteOptions<T> = {},
  ): Promise<T> {
    const { signal, isFailure = this.#isFailure } = options
    signal?.throwIfAborted()
    using permit = this.acquire()
    if (permit === null) throw new CircuitOpenError(this.name, this.state, this.retryAfterMs)
    const outcome = await settle(() => call(new LazyContext(signal, permit.isProbe)), signal)
    if (wasAbandoned(outcome, signal)) permit.release()
    else if (isFailure(outcome)) permit.fail()
    else permit.succeed()
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  /** Leave to make one call, for callers that `execute` does not fit; null if the circuit refuses. */
  acquire(): Permit | null {
    const { name } = this.#state
    if (name === 'closed' || name === 'disabled') return this.#permit(null)
    const token = globalThis.crypto.randomUUID()
    this.#apply({ type: 'probe_acquired', token })
    if (holdsProbe(this.#state, token, this.#now())) return this.#permit(token)
    this.#listeners.emit('rejected', { state: this.state, retryAfterMs: this.retryAfterMs })
    return null
  }

  /** A person's decision: `disabled` and `forced_open` stay until the next one. */
  force(to: ForceEvent['to']): void {
    this.#apply({ type: 'force', to })
  }

  /** Closed, with everything forgotten. Calls under way no longer count. */
  reset(): void {
    this.#apply({ type: 'reset' })
  }

  /** Calls `listener` at every event of that name, until the subscription is disposed of. */
  on<Name extends keyof CircuitBreakerEvents>(
    name: Name,
    listener: (event: CircuitBreakerEvents[Name]) => void,
  ): Subscription {
    return this.#listeners.on(name, listener)
  }

  /** The circuit as plain JSON, for {@link restore}. */
  snapshot(): CircuitState {
    return this.#state
  }

  /**
   * Goes on from a snapshot, also from one of another process. Calls under way no longer count; probes of the
   * snapshot that nobody reports give their places back when their leases end.
   *
   * @throws ValidationError if it is not a circuit's snapshot
   */
  restore(snapshot: unknown): void {
    const parsed = parseCircuitState(snapshot)
    if (!parsed.ok) throw new ValidationError(parsed.error)
    const from = this.#state.name
    const { name: to, epoch } = parsed.value
    this.#state = parsed.value
    this.#generation += 1
    if (from !== to) this.#listeners.emit('change', { from, to, epoch, reason: 'restored', at: this.#now() })
  }

  #permit(token: string | null): Permit {
    const { epoch } = this.#state
    const generation = this.#generation
    const slowFromMs = this.settings.slowCall?.durationMs
    const startedAt = slowFromMs === undefined ? 0 : this.#now()
    return new CallPermit(epoch, token !== null, (outcome) => {
      if (generation !== this.#generation) return
      const slow = slowFromMs !== undefined && this.#now() - startedAt >= slowFromMs
      if (token !== null) this.#apply({ type: 'probe_outcome', token, epoch, outcome, slow })
      else if (outcome !== 'released') this.#apply(outcomeOf(epoch, outcome, slow))
    })
  }

  #apply(event: CircuitEvent): void {
    const { state, changes } = transition(this.#state, event, this.settings, this.#now())
    this.#state = state
    for (const change of changes) this.#listeners.emit('change', change)
  }

  #now(): number {
    return Math.floor(this.#origin + this.#clock.monotonic())
  }
}
