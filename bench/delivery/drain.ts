import type { Child } from '../machine/children.ts'
import { processTreeCpu } from '../machine/cpu.ts'
import { waitUntil } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import type { Sink } from '../sink/sink.ts'
import { ATTEMPTS_DDL } from './attempts.ts'
import type { CountQuery, Scene } from './contender.ts'
import { contenderOf, type Entry } from './contenders/index.ts'
import { openCounter } from './counting.ts'
import { makeJobs } from './jobs.ts'
import type { Redis } from './redis.ts'
import { openWorkerProcess } from './worker.ts'

const DRAIN_MS = 180_000

export interface DrainRequest {
  entry: Entry
  total: number
  database: string
  cluster: Cluster
  redis: Redis | undefined
  sink: Sink
}

/**
 * Preloads one contender's queue in a database of its own, lets one worker process drain it, and measures from
 * 'start' until every completion is committed. Throws when it does not finish or when the sink or the attempt
 * rows do not match the jobs.
 */
export async function drain(request: DrainRequest): Promise<Record<string, number>> {
  const { entry, total, cluster, redis, sink } = request
  const contender = contenderOf(entry)
  const connectionString = await cluster.createDatabase(request.database)
  const scene: Scene = { connectionString, redisUrl: redis?.url }
  const counter = await openCounter(connectionString)
  const isQueue = contender.countUnfinished !== undefined
  let worker: Child | undefined
  try {
    if (entry.mode !== 'own') await counter.run(ATTEMPTS_DDL)
    await contender.prepare(scene)
    const preloadStart = performance.now()
    await contender.preload(scene, makeJobs(total, sink.origin))
    const preloadMs = performance.now() - preloadStart
    await counter.run('vacuum analyze')
    await cluster.checkpoint()
    await sink.reset()
    worker = await openWorkerProcess(entry, scene, sink.origin, total)

    const usage = await measure(request, worker, counter.query, scene)
    await verify(request, counter.query)
    return { ...usage, preloadRate: isQueue ? total / (preloadMs / 1_000) : Number.NaN }
  } finally {
    await worker?.stop()
    await counter.close()
    await contender.cleanUp?.(scene).catch(() => undefined)
    await cluster.dropDatabase(request.database)
  }
}

async function measure(
  { entry, total, cluster, redis, sink }: DrainRequest,
  worker: Child,
  query: CountQuery,
  scene: Scene,
): Promise<Record<string, number>> {
  const { countUnfinished } = contenderOf(entry)
  const cpu = async () => ({
    worker: processTreeCpu(worker.pid),
    postgres: cluster.cpu(),
    redis: redis !== undefined && entry.needsRedis === true ? await redis.cpu() : 0,
  })
  const ended = worker.receive('finished', DRAIN_MS)
  ended.catch(() => undefined)
  const before = await cpu()
  const start = performance.now()
  worker.send({ kind: 'start' })
  if (countUnfinished === undefined) {
    await ended
  } else {
    const polling = new AbortController()
    const isReceived = async () => (await sink.count()) >= total
    const allReceived = waitUntil(isReceived, {
      intervalMs: 10,
      timeoutMs: DRAIN_MS,
      signal: polling.signal,
      what: () => `receiving ${total} requests`,
    })
    // 'finished' never comes from a contender with a queue: this only ends the wait early when the worker dies.
    await Promise.race([allReceived, ended]).finally(() => polling.abort())
    const isCommitted = async () => (await countUnfinished(query, scene)) === 0
    await waitUntil(isCommitted, {
      intervalMs: 5,
      timeoutMs: 30_000,
      what: () => 'committing the completions',
    })
  }
  const seconds = (performance.now() - start) / 1_000
  const after = await cpu()
  const each = (key: keyof typeof before) => (after[key] - before[key]) / total
  return {
    seconds,
    rate: total / seconds,
    workerCpu: each('worker'),
    postgresCpu: each('postgres'),
    redisCpu: each('redis'),
    totalCpu: each('worker') + each('postgres') + each('redis'),
  }
}

async function verify({ entry, total, sink }: DrainRequest, query: CountQuery): Promise<void> {
  const received = await sink.count()
  if (received !== total) throw new Error(`verification: the sink got ${received} requests for ${total} jobs`)
  const contender = contenderOf(entry)
  if (contender.countUnfinished === undefined) return
  const rows = await (contender.countAttempts?.(query) ?? query('select count(*) from attempts'))
  if (rows !== total) throw new Error(`verification: ${rows} attempt rows for ${total} jobs`)
}
