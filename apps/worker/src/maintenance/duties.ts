import {
  applyRetention,
  ensurePartitions,
  type RetentionDays,
  sweepChanges,
  sweepDeliveries,
} from '@posthorn/db'
import type { Logger, Posthorn } from '@posthorn/engine'
import { expireApprovals } from '@posthorn/engine/approvals'
import type { ServicePool } from '@posthorn/engine/config'

const HOUR_MS = 3_600_000
const SWEEP_EVERY_MS = 15_000
const SWEEP_BATCH = 1_000
const CHANGES_EVERY_MS = 60_000
const APPROVALS_EVERY_MS = 15_000
const APPROVALS_BATCH = 100

/** Something that one of all workers does. */
export interface Duty {
  readonly name: string
  /** the key of its advisory lock: one for the whole database, never to be changed */
  readonly lock: number
  readonly everyMs: number
  run(signal: AbortSignal): Promise<void>
}

/** What the duties work on. */
export interface DutyContext {
  readonly posthorn: Posthorn
  readonly pool: ServicePool
  readonly keep: RetentionDays
  readonly logger: Logger
}

/** What keeps a database in order that workers run against. */
export function createDuties(context: DutyContext): Duty[] {
  return [
    { name: 'partitions', lock: 7_246_310_431, everyMs: HOUR_MS, run: () => makePartitions(context) },
    { name: 'retention', lock: 7_246_310_432, everyMs: HOUR_MS, run: () => removeOld(context) },
    { name: 'sweep', lock: 7_246_310_433, everyMs: SWEEP_EVERY_MS, run: (signal) => sweep(context, signal) },
    { name: 'changes', lock: 7_246_310_434, everyMs: CHANGES_EVERY_MS, run: () => removeChanges(context) },
    {
      name: 'approvals',
      lock: 7_246_310_435,
      everyMs: APPROVALS_EVERY_MS,
      run: (signal) => tellOfExpired(context, signal),
    },
  ]
}

/** Makes the partitions of the coming week that are missing. Any number of processes may do it at once. */
export async function makePartitions({ pool, logger }: Pick<DutyContext, 'pool' | 'logger'>): Promise<void> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    const made = await ensurePartitions(client)
    if (made.length > 0) logger.info({ made }, 'partitions made')
  } catch (error) {
    // Whatever state its transaction is in, nobody uses this connection again.
    broken = error instanceof Error ? error : new Error(String(error))
    throw error
  } finally {
    client.release(broken)
  }
}

async function removeOld({ pool, keep, logger }: DutyContext): Promise<void> {
  const { partitions, rows } = await applyRetention(pool, keep)
  const removed = Object.values(rows).some((count) => count > 0)
  if (removed || partitions.length > 0) logger.info({ partitions, rows }, 'old rows removed')
}

/** Removes what the live stream announced more than an hour ago. */
async function removeChanges({ pool, logger }: DutyContext): Promise<void> {
  const removed = await sweepChanges(pool)
  if (removed > 0) logger.debug({ removed }, 'old changes removed')
}

/** Ends deliveries that no claim will ever end, one bounded batch after another until there are no more. */
async function sweep({ pool, logger }: DutyContext, signal: AbortSignal): Promise<void> {
  for (let more = true; more && !signal.aborted; ) {
    const { expired, cancelled } = await sweepDeliveries(pool, SWEEP_BATCH)
    if (expired + cancelled > 0)
      logger.info({ expired, cancelled }, 'deliveries ended that nothing else would end')
    more = expired >= SWEEP_BATCH || cancelled >= SWEEP_BATCH
  }
}

/** Tells apps of approvals that nobody decided in time. */
async function tellOfExpired({ posthorn, pool, logger }: DutyContext, signal: AbortSignal): Promise<void> {
  for (let more = true; more && !signal.aborted; ) {
    const expired = await expireApprovals(posthorn, pool, APPROVALS_BATCH)
    if (expired > 0) logger.info({ expired }, 'approvals ended that nobody decided in time')
    more = expired >= APPROVALS_BATCH
  }
}
