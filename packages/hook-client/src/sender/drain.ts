import { existsSync } from 'node:fs'
import type { HookConfig } from '../config/config.ts'
import { add, nothing, type SendOptions, sendFrom } from './send-from.ts'
import type { DrainResult } from './types.ts'

/** The spools of a configuration: its own, and the one in the user's directory once something lies there. */
export function spoolDirs({ spoolDir, fallbackSpoolDir }: HookConfig): string[] {
  return existsSync(fallbackSpoolDir) ? [spoolDir, fallbackSpoolDir] : [spoolDir]
}

/**
 * Sends everything that waits, once, because a person asked: waits and holds are ignored, and a sender
 * that only waits gives its place. Never rejects.
 */
export async function drainOnce(options: SendOptions): Promise<DrainResult> {
  const total = nothing('empty')
  let backlog = 0
  for (const dir of spoolDirs(options.config)) {
    const result = await sendFrom({
      ...options,
      dir,
      endurance: { isAsked: true, lingerMs: 0, patienceMs: 0 },
      takeOver: (holder) => holder.activity === 'waiting',
    })
    backlog += result.backlog
    // The end that leaves something to do is the one to tell.
    const end = total.end === 'empty' ? result.end : total.end
    const hold = total.hold ?? result.hold
    add(total, result)
    Object.assign(total, { end, hold, backlog })
  }
  return total
}
