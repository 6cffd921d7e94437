import { type Clock, ValidationError } from '@posthorn/core'
import type { CallOptions, CallResult } from './call/call-result.ts'

/** What an operation is told. */
export interface OperationOptions {
  /** Milliseconds for all calls together, from now on. */
  readonly budgetMs: number
  /** Gives up every call of the operation. */
  readonly signal?: AbortSignal
}

/** Several calls within one budget. */
export interface Operation {
  /** As the delegator's `call`, within what is left of the budget; with nothing left the fallback answers at once. */
  call(appId: string, capability: string, payload: unknown, options?: CallOptions): Promise<CallResult>
  /** Milliseconds that are left, never below 0. */
  readonly leftMs: number
}

/** A call of an operation. */
export interface OperationCall {
  readonly appId: string
  readonly capability: string
  readonly payload: unknown
  readonly options: CallOptions
}

const MAX_BUDGET_MS = 300_000

/** @throws ValidationError for a budget that is none */
export function openOperation(
  { budgetMs, signal }: OperationOptions,
  clock: Clock,
  start: (call: OperationCall, budgetMs: number) => Promise<CallResult>,
): Operation {
  if (!(budgetMs > 0 && budgetMs <= MAX_BUDGET_MS)) {
    const message = `must be a number of milliseconds above 0 and at most ${MAX_BUDGET_MS}`
    throw new ValidationError([{ path: 'budgetMs', message }])
  }
  const endsAt = clock.monotonic() + budgetMs
  const leftMs = () => Math.max(0, endsAt - clock.monotonic())
  return {
    get leftMs() {
      return leftMs()
    },
    call(appId, capability, payload, options = {}) {
      const signals = [signal, options.signal].filter((one) => one !== undefined)
      const [first] = signals
      const merged = signals.length > 1 ? AbortSignal.any(signals) : first
      const own = { ...options, ...(merged !== undefined && { signal: merged }) }
      return start({ appId, capability, payload, options: own }, leftMs())
    },
  }
}
