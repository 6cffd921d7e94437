import type { FallbackNotification } from './call-log.ts'

/**
 * Adds a notification to those of its kind: the same room, app, capability, reason and strategy. It keeps the first
 * one's id, so that one that was handed over twice can be recognized.
 *
 * @param maxKinds of which one may be kept at a time
 * @returns false if it would be of one kind too many: then it is not kept
 */
export function foldNotification(
  kept: Map<string, FallbackNotification>,
  added: FallbackNotification,
  maxKinds: number,
): boolean {
  const kind = [added.roomId, added.appId, added.capability, added.reason, added.strategy]
  const key = JSON.stringify(kind)
  const known = kept.get(key)
  if (known !== undefined) {
    kept.set(key, {
      ...known,
      count: known.count + added.count,
      lastAt: added.lastAt,
      callId: added.callId,
    })
    return true
  }
  if (kept.size >= maxKinds) return false
  kept.set(key, added)
  return true
}
