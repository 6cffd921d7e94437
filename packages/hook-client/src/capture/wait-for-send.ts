import type { HookConfig } from '../config/config.ts'
import type { HookLog } from '../logs/types.ts'
import type { Disk } from '../spool/disk.ts'
import { namesIn, openSpool } from '../spool/layout.ts'

const LOOK_EVERY_MS = 20

/**
 * Sends before capture returns, for at most `waitMs`: by itself, or by waiting for the sender that is at
 * work. What could not be sent stays in the spool. Never rejects.
 */
export async function waitForSend(options: {
  config: HookConfig
  requestId: string
  waitMs: number
  log: HookLog
  disk?: Disk
}): Promise<void> {
  const { config, requestId, waitMs, disk } = options
  const { drainOnce } = await import('../sender/drain.ts')
  const signal = AbortSignal.timeout(waitMs)
  const { end } = await drainOnce({ ...options, signal })
  if (end !== 'locked') return
  const spool = openSpool(config.spoolDir, { sealDirs: config.sealDirs, ...(disk && { disk }) })
  const isThere = () =>
    [...namesIn(spool, 'pending'), ...namesIn(spool, 'processing')].some((n) => n.startsWith(requestId))
  while (!signal.aborted && isThere()) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
}
