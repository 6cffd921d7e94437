import { PosthornError } from '@posthorn/core'
import type { CircuitStateName } from './state.ts'

/** Shared by every copy of this package in a process, unlike the class. */
const BRAND = Symbol.for('@posthorn/circuit-breaker:open')

/** A call was not made, because its circuit does not let it through. Code `circuit_open`, retryable. */
export class CircuitOpenError extends PosthornError {
  readonly state: CircuitStateName
  /** When to ask again, milliseconds from now; undefined while a person keeps the circuit open. */
  readonly retryAfterMs: number | undefined

  constructor(circuit: string | undefined, state: CircuitStateName, retryAfterMs: number | undefined) {
    super(
      'circuit_open',
      `${circuit === undefined ? 'The circuit' : `Circuit '${circuit}'`} ${describe(state)}`,
      {
        isRetryable: true,
      },
    )
    this.name = 'CircuitOpenError'
    this.state = state
    this.retryAfterMs = retryAfterMs
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** Whether `x` is a {@link CircuitOpenError}, made by whichever copy of this package. */
export function isCircuitOpenError(x: unknown): x is CircuitOpenError {
  return typeof x === 'object' && x !== null && (x as { [BRAND]?: unknown })[BRAND] === true
}

function describe(state: CircuitStateName): string {
  if (state === 'forced_open') return 'has been opened by hand'
  return state === 'half_open' ? 'is half-open and its probes are under way' : 'is open'
}
