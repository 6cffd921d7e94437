import type { FallbackNotification } from './call-log.ts'

/** More different ones at a time than this are not told one by one. */
const MAX_DIFFERENT = 1_000

/**
 * Adds a notification to those of its kind: the same room, app, capability, reason and strategy. It keeps the first
 * one's id, so that one that was handed over twice can be recognized.
 */
export function foldNotification(kept: Map<string, FallbackNotification>, added: FallbackNotification): void {
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
  } else if (kept.size < MAX_DIFFERENT) kept.set(key, added)
}
