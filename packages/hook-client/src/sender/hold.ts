import { nextDelayMs, type Random, RETRY_PRESETS } from '@posthorn/core'
import type { HookConfig } from '../config/config.ts'
import { checksum } from '../spool/checksum.ts'
import type { Hold, LastError } from '../spool/types.ts'
import { VERSION } from '../version.ts'

/** However long a hold lasts, an event that was captured since may be tried after this. */
const NEW_EVENT_AFTER_MS = 60_000

/**
 * Tells settings apart without giving them away: URL, key and this program's version. A sender with other
 * settings is not bound by what happened with these.
 */
export function settingsFingerprint({ url, apiKey }: HookConfig): string {
  return checksum(`${url}\n${apiKey}\n${VERSION}`)
}

/** The hold after one more send that ended so. Its waits are those of the `spool` schedule; the last repeats. */
export function extendHold(
  previous: Hold | null,
  now: number,
  happened: Pick<Hold, 'kind' | 'settings' | 'status'> & { error: LastError; retryAfterMs?: number },
  random: Random,
): Hold {
  const { retryAfterMs = 0, ...rest } = happened
  const isSame = previous?.settings === happened.settings
  const sends = isSame ? previous.sends + 1 : 1
  const delay = nextDelayMs(RETRY_PRESETS.spool, sends, { random, retryAfterMs, maxAttempts: Infinity })
  const since = isSame ? Math.min(previous.since, now) : now
  return { ...rest, since, sends, lastTriedAt: now, nextTryAt: now + (delay ?? 0) }
}

/**
 * Whether something may be tried in spite of a hold: its time is over, the settings are others, the clock
 * went back behind it, or an event was captured since and a minute has passed.
 */
export function isHoldOver(hold: Hold, now: number, settings: string, newestCapturedAt: number): boolean {
  return (
    hold.settings !== settings ||
    now >= hold.nextTryAt ||
    now < hold.lastTriedAt ||
    (newestCapturedAt > hold.lastTriedAt && now - hold.lastTriedAt >= NEW_EVENT_AFTER_MS)
  )
}

/** When {@link isHoldOver} will be true by time alone, in milliseconds from `now`. */
export function holdLeftMs(hold: Hold, now: number, newestCapturedAt: number): number {
  const at = newestCapturedAt > hold.lastTriedAt ? hold.lastTriedAt + NEW_EVENT_AFTER_MS : hold.nextTryAt
  return Math.max(0, Math.min(at, hold.nextTryAt) - now)
}
