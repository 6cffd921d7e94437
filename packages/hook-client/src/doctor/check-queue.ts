import { dropText } from '../commands/status.ts'
import type { Hold, SpoolStatus } from '../spool/types.ts'
import { holdText } from '../terminal/hold-text.ts'
import { count, duration } from '../terminal/output.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** A sender that is alive looks at the spool more often than this. */
const LONG_WAIT_MS = 10 * 60_000

/**
 * Whether anything waits that should not, was given up, or could not be captured.
 * @param settings the fingerprint of those that are set now
 */
export function checkQueue(spool: SpoolStatus, now: number, settings: string): Check[] {
  const { state, failed, unsealed, sealProblem, pending, oldestAgeMs, sender, dropped, captureError } = spool
  const checks: Check[] = []
  if (state?.hold) {
    checks.push(paused(state.hold, now, settings))
  } else if (oldestAgeMs !== null && oldestAgeMs > LONG_WAIT_MS && sender === null) {
    const text = `${count(pending, 'event')} waiting, the oldest for ${duration(oldestAgeMs)}, and no sender at work`
    checks.push(warn('queue', text, 'The next hook starts one. To send now: posthorn-hook drain'))
  }
  if (sealProblem !== null) {
    const text = `the key that events are sealed with cannot be used: ${sealProblem}. They are kept and not sent`
    checks.push(fail('queue', text, 'Give the file back to its owner (mode 600), or remove its folder.'))
  }
  if (failed > unsealed) {
    const hint = 'See why: posthorn-hook queue ls --folder failed. Again: posthorn-hook queue retry --all'
    checks.push(warn('queue', `${count(failed - unsealed, 'event')} failed for good`, hint))
  }
  if (unsealed > 0) {
    const text = `${count(unsealed, 'event')} put aside: without your seal, so perhaps from whoever made this project`
    const hint =
      'Look at them: posthorn-hook queue ls --folder failed. Send what is yours: posthorn-hook queue retry --unsealed <id>'
    checks.push(warn('queue', text, hint))
  }
  const unreported = dropText(dropped.unreported)
  if (unreported !== '') {
    checks.push(
      warn('queue', `dropped and not yet reported: ${unreported}`, 'Make room, or raise the limits.'),
    )
  }
  if (captureError) {
    const text = `${duration(now - Date.parse(captureError.at))} ago an event was not captured: ${captureError.code}: ${captureError.message}`
    checks.push(warn('queue', text, 'See the error log: posthorn-hook logs --level error'))
  }
  return checks.length > 0 ? checks : [ok('queue', `${count(pending, 'event')} waiting, none failed`)]
}

function paused(hold: Hold, now: number, settings: string): Check {
  const text = `sending is paused ${holdText(hold, now)}`
  if (hold.settings !== settings) {
    const hint = 'That was with other settings. The next hook sends what waits; now: posthorn-hook drain'
    return warn('queue', text, hint)
  }
  if (hold.kind !== 'refused') {
    return warn('queue', text, 'Everything is kept, and is sent by itself once the server takes it.')
  }
  const hint = 'Everything is kept. Mend the settings (see the other checks), then run: posthorn-hook drain'
  return fail('queue', text, hint)
}
