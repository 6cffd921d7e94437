import type { Clock } from '@posthorn/core'
import type { AnswerCache } from '../cache/answer-cache.ts'
import { capabilityKey, payloadKey } from '../cache/answer-keys.ts'
import { lastGoodOptions } from './grammar.ts'
import { STATIC } from './static-answer.ts'
import type { FallbackStrategy } from './strategy.ts'

/** Answers what the app answered last, with its age; what the manifest says, else `null`, while there is nothing. */
export function lastGood(cache: AnswerCache, clock: Pick<Clock, 'now'>): FallbackStrategy {
  return {
    name: 'last-good',
    options: lastGoodOptions,
    async run({ endpointId, payloadText }, options) {
      const { maxAge, scope, data } = lastGoodOptions.parse(options)
      const kept =
        endpointId === undefined ? undefined : await cache.get(keyOf(scope, endpointId, payloadText))
      const ageMs =
        kept === undefined ? Number.POSITIVE_INFINITY : Math.max(0, clock.now() - kept.answeredAtMs)
      if (kept === undefined || ageMs > maxAge) return { data: data ?? null, source: STATIC }
      return { data: JSON.parse(kept.json), ageMs }
    },
    async remember({ endpointId, payloadText, data, answeredAtMs }, options) {
      const { maxAge, scope } = lastGoodOptions.parse(options)
      await cache.set(
        keyOf(scope, endpointId, payloadText),
        { json: JSON.stringify(data), answeredAtMs },
        maxAge,
      )
    },
  }
}

function keyOf(scope: 'payload' | 'capability', endpointId: string, payloadText: string): string {
  return scope === 'capability' ? capabilityKey(endpointId) : payloadKey('last-good', endpointId, payloadText)
}
