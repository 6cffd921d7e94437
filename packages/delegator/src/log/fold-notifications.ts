import type { FallbackNotification } from './call-log.ts'

/** What notifications that are one have in common: room, app, capability, reason and strategy. */
export function notificationKind({
  roomId,
  appId,
  capability,
  reason,
  strategy,
}: FallbackNotification): string {
  return JSON.stringify([roomId, appId, capability, reason, strategy])
}

/** One with another of its kind in it. It keeps the first one's id, so that what was handed over can be recognized. */
export function foldNotification(
  known: FallbackNotification,
  { count, lastAt, callId }: FallbackNotification,
): FallbackNotification {
  return { ...known, count: known.count + count, lastAt, callId }
}
