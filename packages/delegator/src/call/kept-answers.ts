import type { CallableCapability } from '../apps/app-directory.ts'
import { payloadKey } from '../cache/answer-keys.ts'
import { TIMED_OUT } from '../time/watch.ts'
import type { Call, CallEnd } from './call.ts'

/**
 * The answer that a `cacheTtl` keeps for this payload, if there is one. A cache that fails or is slow is none.
 *
 * @throws the reason of the caller's signal, as soon as it fires
 */
export async function keptAnswer(call: Call, capability: CallableCapability): Promise<CallEnd | undefined> {
  const { cache, clock } = call.parts
  try {
    const reading = cache.get(freshKey(call, capability))
    const kept = await call.watch.wait(reading, call.deadline.sideStepMs(call.elapsedMs))
    if (kept === TIMED_OUT) throw new Error('the cache did not answer in time')
    const ageMs = kept === undefined ? Number.POSITIVE_INFINITY : Math.max(0, clock.now() - kept.answeredAtMs)
    if (kept === undefined || ageMs >= capability.cacheTtlMs) return undefined
    return { outcome: 'ok', source: 'cache', data: JSON.parse(kept.json), ageMs }
  } catch (error) {
    call.input.signal?.throwIfAborted()
    call.incident('cache', error)
    return undefined
  }
}

/** Keeps a good answer for `cacheTtl` and for the fallback, beside the call: nobody waits for it. */
export function keepAnswer(call: Call, capability: CallableCapability, data: unknown): void {
  const { cache, clock, strategies } = call.parts
  const { appId, payloadText } = call.input
  const { endpointId, name, fallback, cacheTtlMs } = capability
  const strategy = strategies.get(fallback.strategy)
  if (strategy?.remember === undefined && cacheTtlMs === 0) return
  const answeredAtMs = clock.now()
  const keep = async () => {
    const answer = { appId, endpointId, capability: name, payloadText, data, answeredAtMs }
    await strategy?.remember?.(answer, fallback.options)
    if (cacheTtlMs === 0) return
    await cache.set(freshKey(call, capability), { json: JSON.stringify(data), answeredAtMs }, cacheTtlMs)
  }
  keep().catch((error) => call.incident('cache', error))
}

function freshKey({ input }: Call, { endpointId }: CallableCapability): string {
  return payloadKey('fresh', endpointId, input.payloadText)
}
