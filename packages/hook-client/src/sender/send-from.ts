import type { Clock, Random } from '@posthorn/core'
import type { HookConfig } from '../config/config.ts'
import type { HookLog } from '../logs/types.ts'
import type { Disk } from '../spool/disk.ts'
import { openSpool } from '../spool/layout.ts'
import { acquireLock, HEARTBEAT_MS, type IsAlive } from '../spool/sender-lock.ts'
import type { SenderInfo } from '../spool/types.ts'
import { VERSION } from '../version.ts'
import { settingsFingerprint } from './hold.ts'
import { createEventSender, type EventSender } from './send-event.ts'
import { type Endurance, Sender } from './sender.ts'
import type { DrainEnd, DrainResult, SendProgress } from './types.ts'
import { type Pause, systemPause } from './wake.ts'
import { watchPending } from './watch-pending.ts'

/** What every way of sending takes. */
export interface SendOptions {
  config: HookConfig
  log: HookLog
  onProgress?: (progress: SendProgress) => void
  /** Ends the sending: what is under way is given up and put back. */
  signal?: AbortSignal
  /** In place of the machine's own, for tests. */
  clock?: Clock
  disk?: Disk
  pause?: Pause
  random?: Random
  sender?: EventSender
  isAlive?: IsAlive
}

/** Sends from one spool for as long as `endurance` says, when its lock can be had. Never rejects. */
export async function sendFrom(
  options: SendOptions & { dir: string; endurance: Endurance; takeOver(holder: SenderInfo): boolean },
): Promise<DrainResult> {
  const { config, endurance, takeOver, dir, isAlive, log } = options
  const { url, apiKey, enabled } = config
  if (!enabled) return nothing('disabled')
  if (url === undefined || apiKey === undefined) return nothing('unconfigured')
  const spool = openSpool(dir, { ...options, sealDirs: config.sealDirs })
  const sender = options.sender ?? createEventSender()
  const never = new AbortController().signal
  const total = nothing('empty')
  try {
    // Without a key nobody can tell what this user captured: everything stays where it is.
    if (!spool.seals.ready()) {
      log.error('nothing can be sent: events cannot be told from others', { detail: spool.seals.problem() })
      return { ...total, end: 'unsealable' }
    }
    for (;;) {
      const settings = settingsFingerprint(config)
      const request = { settings, version: VERSION, takeOver, ...(isAlive && { isAlive }) }
      const lock = acquireLock(spool, request)
      if ('holder' in lock) return { ...total, end: 'locked' }
      const beat = setInterval(() => lock.beat(), HEARTBEAT_MS)
      const work = new Sender({
        ...{ spool, lock, sender, endurance, log, watch: watchPending, ...(isAlive && { isAlive }) },
        config: { ...config, url, apiKey },
        pause: options.pause ?? systemPause,
        random: options.random ?? Math.random,
        signal: options.signal ?? never,
        onProgress: options.onProgress ?? (() => {}),
      })
      try {
        add(total, await work.run())
      } finally {
        clearInterval(beat)
        lock.release()
      }
      // A capture that came in the last moment saw the lock, and started no sender of its own.
      const isOver = total.end === 'stopped' || total.end === 'unwritable'
      if (isOver || endurance.isAsked || !work.sawMore()) return total
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    log.error('the spool cannot be used', { code, detail: message, spool: dir })
    return { ...total, end: 'unwritable' }
  } finally {
    if (options.sender === undefined) sender.close()
  }
}

/** The result of a sending that did nothing. */
export function nothing(end: DrainEnd): DrainResult {
  return { end, sent: 0, duplicates: 0, failed: 0, backlog: 0, hold: null }
}

/** Adds what one more sending did; how it ended is how all ended. */
export function add(total: DrainResult, more: DrainResult): void {
  total.sent += more.sent
  total.duplicates += more.duplicates
  total.failed += more.failed
  total.backlog = more.backlog
  total.hold = more.hold
  total.end = more.end
}
