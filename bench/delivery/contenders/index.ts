import { posthorn } from '../../ours/delivery.ts'
import type { AttemptMode, Contender } from '../contender.ts'
import { bullmqPostgres } from './bullmq-postgres.ts'
import { bullmqRedis } from './bullmq-redis.ts'
import { graphileWorker } from './graphile-worker.ts'
import { pgBoss } from './pg-boss.ts'
import { undici } from './undici.ts'

/** Every library by the name that a worker process is told. */
export const contenders: Record<string, Contender> = {
  posthorn,
  undici,
  'graphile-worker': graphileWorker,
  'pg-boss': pgBoss,
  'bullmq-postgres': bullmqPostgres,
  'bullmq-redis': bullmqRedis,
}

/** A row of the delivery table: a library and how its attempt rows are written. */
export interface Entry {
  label: string
  contender: string
  mode: AttemptMode
  needsRedis?: boolean
}

export const DELIVERY_ENTRIES: Entry[] = [
  { label: 'posthorn', contender: 'posthorn', mode: 'own' },
  { label: 'undici (limit)', contender: 'undici', mode: 'own' },
  { label: 'graphile-worker b3', contender: 'graphile-worker', mode: 'single' },
  { label: 'graphile-worker b4', contender: 'graphile-worker', mode: 'batched' },
  { label: 'pg-boss b3', contender: 'pg-boss', mode: 'single' },
  { label: 'pg-boss b4', contender: 'pg-boss', mode: 'batched' },
  { label: 'bullmq on postgres b3', contender: 'bullmq-postgres', mode: 'single' },
  { label: 'bullmq on redis b3', contender: 'bullmq-redis', mode: 'single', needsRedis: true },
]

export const LATENCY_ENTRIES: Entry[] = [
  { label: 'posthorn', contender: 'posthorn', mode: 'own' },
  { label: 'graphile-worker', contender: 'graphile-worker', mode: 'single' },
  { label: 'pg-boss', contender: 'pg-boss', mode: 'single' },
]

export function contenderOf(entry: Entry): Contender {
  const contender = contenders[entry.contender]
  if (contender === undefined) throw new Error(`unknown contender '${entry.contender}'`)
  return contender
}
