import { formatId } from '@posthorn/core'
import type { DeliveryOutcome, Settled } from '@posthorn/db'
import type { Emitter } from '../emitter.ts'

/** Tells listeners what became of a delivery, after it was written. */
export function announce(
  emitter: Emitter,
  outcome: DeliveryOutcome,
  final: Settled['final'],
  statusCode: number | null,
): void {
  const { attempt, failure, deadLetter } = outcome
  const isHeard = emitter.isHeard('delivered') || emitter.isHeard('failed') || emitter.isHeard('dead')
  if (!isHeard) return
  const ids = {
    deliveryId: formatId('dlv', outcome.id),
    eventId: formatId('evt', outcome.eventId),
    endpointId: formatId('ep', outcome.endpointId),
  }
  if (final === 'delivered' && attempt) {
    emitter.emit('delivered', { ...ids, attempt: attempt.number, durationMs: attempt.durationMs, statusCode })
  } else if (attempt && failure) {
    const nextAttemptInMs = final === 'pending' ? outcome.delayMs : null
    emitter.emit('failed', { ...ids, attempt: attempt.number, failure, statusCode, nextAttemptInMs })
  }
  if (deadLetter && (final === 'dead' || final === 'failed')) {
    emitter.emit('dead', {
      ...ids,
      reason: deadLetter.reason,
      attempts: outcome.attemptCount,
      error: outcome.error,
    })
  }
}
