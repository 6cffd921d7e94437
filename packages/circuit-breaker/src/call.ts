/** How a call ended: it threw, or it gave a value. */
export type CallOutcome<T = unknown> = { readonly error: unknown } | { readonly value: T }

/** Says which calls count as failures. Errors that it lets pass show a living callee and count as successes. */
export type FailureFilter<T = unknown> = (outcome: CallOutcome<T>) => boolean

/** Every error is a failure, no value is. */
export const everyError: FailureFilter = (outcome) => 'error' in outcome

/** What a function that runs inside a circuit is told. */
export interface CallContext {
  /** The caller's signal, or one that never fires. */
  readonly signal: AbortSignal
  /** The call decides whether the circuit closes or opens again. */
  readonly isProbe: boolean
}

/** A context whose signal is made only if somebody looks at it. */
export class LazyContext implements CallContext {
  readonly isProbe: boolean
  #signal: AbortSignal | undefined

  constructor(signal: AbortSignal | undefined, isProbe: boolean) {
    this.#signal = signal
    this.isProbe = isProbe
  }

  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal
    return this.#signal
  }
}

/**
 * Runs `call` and keeps how it ended. Once `signal` fires the outcome is its reason, at once, whether or not the
 * call heeds the signal; no listener stays behind.
 */
export async function settle<T>(
  call: () => T | PromiseLike<T>,
  signal: AbortSignal | undefined,
): Promise<CallOutcome<T>> {
  try {
    return { value: await (signal === undefined ? call() : unlessAborted(call, signal)) }
  } catch (error) {
    return { error }
  }
}

function unlessAborted<T>(call: () => T | PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const finish = (pass: () => void) => {
      signal.removeEventListener('abort', onAbort)
      pass()
    }
    // Inside a promise of its own, so that a call that throws at once is an outcome like any other.
    new Promise<T>((run) => run(call())).then(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    )
  })
}

/**
 * Whether the caller gave up for a reason of its own. A signal that fired because time was up does not count: the
 * callee did not answer in time, and that is the failure a circuit is there for.
 */
export function wasAbandoned(outcome: CallOutcome, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && 'error' in outcome && !isTimeout(signal.reason)
}

function isTimeout(reason: unknown): boolean {
  return typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError'
}
