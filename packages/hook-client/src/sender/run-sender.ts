import { settingsFingerprint } from './hold.ts'
import { type SendOptions, sendFrom } from './send-from.ts'
import type { DrainResult } from './types.ts'

/** How long an empty spool is watched: bursts of hooks then need one sender, not one each. */
const LINGER_MS = 10_000
/** How long a sender stays with a backlog in which nothing moves. */
const PATIENCE_MS = 15 * 60_000

/**
 * What the detached sender does: it empties the spool of `config.spoolDir`, waits a little for more, and
 * stays with what must wait for up to 15 minutes in which nothing moves. Ends at once when another sender
 * is at work, unless that one only waits and has other settings. Never rejects.
 */
export function runSender(options: SendOptions): Promise<DrainResult> {
  const settings = settingsFingerprint(options.config)
  return sendFrom({
    ...options,
    dir: options.config.spoolDir,
    endurance: { isAsked: false, lingerMs: LINGER_MS, patienceMs: PATIENCE_MS },
    takeOver: (holder) => holder.activity === 'waiting' && holder.settings !== settings,
  })
}
