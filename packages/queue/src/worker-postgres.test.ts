import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startPostgres, type TestDatabase } from '../test/postgres.ts'
import { createQueue, type Job } from './own/job-queue.ts'
import { migrateQueue } from './own/migrate.ts'
import { createWorker } from './worker.ts'

describe('workers on PostgreSQL', () => {
  let database: TestDatabase
  let pool: pg.Pool
  beforeAll(async () => {
    database = await startPostgres()
    pool = database.pool({ max: 12 })
  })
  afterAll(() => database?.stop())

  const open = async (name: string) => {
    await migrateQueue(pool, { name })
    return createQueue<number>({ pool, name })
  }

  it('work each job once between them, a key in its order, a failing one again', async () => {
    const queue = await open('shared')
    const handled: number[] = []
    const failed = new Set<number>()
    const handler = async ({ payload }: Job<number>) => {
      if (payload % 10 === 3 && !failed.has(payload)) {
        failed.add(payload)
        throw new Error('not yet')
      }
      handled.push(payload)
    }
    const workers = [0, 1].map(() => createWorker({ queue, handler, concurrency: 20, retry: [1] }))
    await Promise.all(workers.map((worker) => worker.start()))
    const payloads = Array.from({ length: 600 }, (_, n) => n)
    await queue.enqueue(
      payloads.map((payload) => ({
        payload,
        group: `g${payload % 7}`,
        ...(payload % 100 < 5 ? { orderingKey: 'k', group: 'ordered' } : {}),
      })),
    )
    await vi.waitFor(
      async () => expect(await queue.counts()).toEqual({ pending: 0, processing: 0, halted: 0, buried: 0 }),
      { timeout: 50_000 },
    )
    await Promise.all(workers.map((worker) => worker.stop()))
    expect([...handled].sort((a, b) => a - b)).toEqual(payloads)
    const ordered = payloads.filter((payload) => payload % 100 < 5)
    expect(handled.filter((payload) => payload % 100 < 5)).toEqual(ordered)
  })

  it('are woken by an enqueue, long before they would poll', async () => {
    const queue = await open('woken')
    const handled: number[] = []
    const worker = createWorker({
      queue,
      handler: async ({ payload }) => void handled.push(payload),
      wake: { ...queue.wakeOptions, pollMs: 3_600_000 },
    })
    await worker.start()
    await queue.enqueue([{ payload: 1 }])
    await vi.waitFor(() => expect(handled).toEqual([1]))
    await worker.stop()
    expect(await queue.counts()).toMatchObject({ pending: 0, processing: 0 })
  })

  it('take over what a dead worker held', async () => {
    const queue = await open('orphans')
    await queue.enqueue([{ payload: 1 }, { payload: 2 }])
    expect(await queue.claim({ limit: 10, leaseMs: 300 })).toHaveLength(2)
    const claims: number[] = []
    const worker = createWorker({ queue, handler: async ({ claimCount }) => void claims.push(claimCount) })
    await worker.start()
    await vi.waitFor(() => expect(claims).toEqual([2, 2]), { timeout: 20_000 })
    await worker.stop()
  })

  it('outlive the loss of all their connections', async () => {
    const queue = await open('cut')
    const handled: number[] = []
    const worker = createWorker({ queue, handler: async ({ payload }) => void handled.push(payload) })
    await worker.start()
    await queue.enqueue([{ payload: 1 }])
    await vi.waitFor(() => expect(handled).toEqual([1]))
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
    )
    await queue.enqueue([{ payload: 2 }])
    await vi.waitFor(() => expect(handled).toEqual([1, 2]), { timeout: 20_000 })
    await worker.stop()
    expect(await queue.counts()).toMatchObject({ pending: 0, processing: 0 })
  })
})
