import type { LoadedConfig } from '../config/config.ts'
import { spoolDirs } from './drain.ts'
import { settingsFingerprint } from './hold.ts'
import { add, nothing, type SendOptions, sendFrom } from './send-from.ts'
import type { DrainResult } from './types.ts'
import { systemPause } from './wake.ts'

/** After this long without work, or when nothing moves, the settings are read again. */
const ROUND_MS = 60_000
const PAUSE_MS = 5_000

/** What {@link watchSpool} takes: the settings are read anew each round. */
export type WatchOptions = Omit<SendOptions, 'config' | 'signal'> & {
  load(): LoadedConfig
  signal: AbortSignal
}

/** Sends whatever comes, until the signal aborts. Never rejects. */
export async function watchSpool({ load, ...options }: WatchOptions): Promise<DrainResult> {
  const { signal, pause = systemPause } = options
  const total = nothing('stopped')
  while (!signal.aborted) {
    const { config } = load()
    const settings = settingsFingerprint(config)
    for (const dir of spoolDirs(config)) {
      if (signal.aborted) break
      const isOwn = dir === config.spoolDir
      const result = await sendFrom({
        ...options,
        config,
        dir,
        endurance: isOwn
          ? { isAsked: false, lingerMs: ROUND_MS, patienceMs: ROUND_MS }
          : { isAsked: false, lingerMs: 0, patienceMs: 0 },
        takeOver: (holder) => holder.activity === 'waiting' && holder.settings !== settings,
      })
      add(total, result)
      const didWait = result.end === 'empty' || result.end === 'waiting' || result.end === 'held'
      if (isOwn && !didWait && !signal.aborted) await pause(PAUSE_MS, signal)
    }
  }
  return { ...total, end: 'stopped' }
}
