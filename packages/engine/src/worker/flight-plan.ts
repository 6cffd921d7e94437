import { type Clock, type Random, uuidv7 } from '@posthorn/core'
import type { ClaimedDelivery, DeliveryOutcome } from '@posthorn/db'
import type { DispatchResult } from '@posthorn/dispatcher'
import type { QueueItem } from '@posthorn/queue'
import { type Decision, decide, decideUnsent, eventGone } from './decide.ts'
import type { Target } from './endpoint-cache.ts'
import type { Landing } from './flight.ts'
import { attemptRecord, type SendSettings, send } from './send.ts'

/** What one delivery's way from claim to outcome needs. */
export interface FlightPlanOptions {
  readonly sending: SendSettings
  readonly clock: Clock
  readonly random: Random
  /** gives up what is under way */
  readonly signal: AbortSignal
}

/** Takes one claimed delivery to its outcome: refuses what is over, sends the rest, decides what comes of it. */
export class FlightPlan {
  readonly #options: FlightPlanOptions

  constructor(options: FlightPlanOptions) {
    this.#options = options
  }

  /**
   * @param claimedAt monotonic time at which the claim was answered: with it, the database's time is known without asking
   * again. It is never ahead of it, however long the claim had to wait, so attempts stand in their order
   */
  async fly(item: QueueItem, delivery: ClaimedDelivery, target: Target, claimedAt: number): Promise<Landing> {
    const databaseNow = () => item.claimedAtMs + (this.#options.clock.monotonic() - claimedAt)
    const startedAtMs = databaseNow()
    const { payload } = delivery
    const unsent = decideUnsent({
      claimCount: item.claimCount,
      attemptCount: item.attemptCount,
      nowMs: startedAtMs,
      expiresAtMs: delivery.expiresAtMs,
      cancelRequested: delivery.cancelRequested,
    })
    const over = payload === null ? eventGone(item.attemptCount) : unsent
    if (payload === null || over) {
      // The place of a probe that was never sent is free for the next one at once.
      const wasProbe = delivery.circuit.name === 'half_open'
      const about = {
        endpoint: target.endpoint,
        circuit: delivery.circuit,
        leaseToken: item.leaseToken,
        atMs: startedAtMs,
      }
      return {
        outcome: toOutcome(item, delivery, target, over ?? eventGone(item.attemptCount), null),
        report: wasProbe ? { ...about, result: NOT_SENT } : null,
      }
    }
    const number = item.attemptCount + 1
    const result = await send(this.#options.sending, {
      delivery,
      payload,
      target,
      number,
      nowMs: startedAtMs,
      signal: this.#options.signal,
    })
    const decision = decide(result, {
      attemptCount: item.attemptCount,
      maxAttempts: delivery.maxAttempts,
      retry: target.endpoint.retry,
      nowMs: databaseNow(),
      expiresAtMs: delivery.expiresAtMs,
      random: this.#options.random,
    })
    const attempt = wasMade(result)
      ? attemptRecord(result, {
          kind: 'delivery',
          number,
          startedAtMs,
          workerId: this.#options.sending.workerId,
          circuitEpoch: delivery.circuit.epoch,
        })
      : null
    return {
      outcome: toOutcome(item, delivery, target, decision, attempt),
      report: {
        endpoint: target.endpoint,
        circuit: delivery.circuit,
        leaseToken: item.leaseToken,
        result,
        atMs: startedAtMs,
      },
    }
  }
}

const NOT_SENT: DispatchResult = {
  verdict: 'requeue',
  failure: 'internal',
  responseTruncated: false,
  timing: { totalMs: 0 },
  bytesSent: 0,
  bytesReceived: 0,
}

/** A request that we gave up before a byte of it left was never made. */
const wasMade = (result: DispatchResult): boolean => result.verdict !== 'requeue' || result.bytesSent > 0

const PARKED_MS = 60_000

/** The outcome of a delivery whose endpoint could not be opened (its secrets need a key that this process lacks). */
export function parked(item: QueueItem, delivery: ClaimedDelivery): DeliveryOutcome {
  return {
    id: item.id,
    leaseToken: item.leaseToken,
    eventId: delivery.eventId,
    endpointId: delivery.endpointId,
    appId: delivery.appId,
    next: 'pending',
    delayMs: PARKED_MS,
    attemptCount: item.attemptCount,
    failure: 'internal',
    error: 'Its endpoint could not be opened.',
    deadLetter: null,
    halt: false,
    attempt: null,
  }
}

function toOutcome(
  item: QueueItem,
  delivery: ClaimedDelivery,
  target: Target,
  decision: Decision,
  attempt: DeliveryOutcome['attempt'],
): DeliveryOutcome {
  return {
    id: item.id,
    leaseToken: item.leaseToken,
    eventId: delivery.eventId,
    endpointId: delivery.endpointId,
    appId: delivery.appId,
    next: decision.next,
    delayMs: decision.delayMs,
    attemptCount: decision.attemptCount,
    failure: decision.failure,
    error: decision.error,
    deadLetter: decision.reason ? { id: uuidv7(), reason: decision.reason } : null,
    halt: target.endpoint.orderingOnFailure === 'halt' && delivery.orderingKey !== null,
    attempt,
  }
}
