import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createJobsTable, fill, groupSql } from '../test/jobs-table.ts'
import { startPostgres, type TestDatabase } from '../test/postgres.ts'
import { PostgresQueue, type PostgresQueueOptions } from './postgres-queue.ts'
import { type QueueTable, qualifiedName } from './table.ts'
import type { QueueItem } from './types.ts'

describe('PostgresQueue on PostgreSQL', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let table: QueueTable
  let tables = 0
  beforeAll(async () => {
    database = await startPostgres()
    pool = database.pool({ max: 10 })
  })
  afterAll(() => database?.stop())
  beforeEach(async () => {
    tables += 1
    table = await createJobsTable(pool, `rules_${tables}`)
    await pool.query(`insert into rules_${tables}_endpoints values (${groupSql(1)}, 1000, null)`)
  })

  const open = (options: Partial<PostgresQueueOptions<undefined>> = {}) =>
    new PostgresQueue({ pool, table, ...options })
  const claimed = async (count: number, queue = open()): Promise<QueueItem[]> => {
    await fill(pool, table, count)
    const items = await queue.claim({ limit: count, leaseMs: 30_000 })
    expect(items).toHaveLength(count)
    return items.sort((a, b) => (a.id < b.id ? -1 : 1))
  }
  const done = (items: readonly QueueItem[]) =>
    items.map(({ id, leaseToken }) => ({ id, leaseToken, kind: 'done' as const }))
  const backends = async (wait: string) => {
    const { rows } = await pool.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where wait_event_type = $1 and datname = current_database()`,
      [wait],
    )
    return rows[0]?.n
  }
  /** Holds one row's lock while `during` runs. */
  const withLocked = async (id: string | undefined, during: () => Promise<void>) => {
    const holder = await pool.connect()
    try {
      await holder.query('begin')
      await holder.query(`select 1 from ${qualifiedName(table)} where id = $1 for update`, [id])
      await during()
    } finally {
      await holder.query('rollback')
      holder.release()
    }
  }

  it('locks the rows of a completion by id, whatever their order', async () => {
    const items = await claimed(10)
    let completion: Promise<unknown> = Promise.resolve()
    await withLocked(items[5]?.id, async () => {
      completion = open().complete(done([...items].reverse()))
      await vi.waitFor(async () => expect(await backends('Lock')).toBe(1))
      const { rows } = await pool.query<{ id: string }>(
        `select id from ${qualifiedName(table)} order by id for update skip locked`,
      )
      expect(rows.map(({ id }) => id)).toEqual(items.slice(6).map(({ id }) => id))
    })
    expect(await completion).toEqual([...items].reverse().map(({ id }) => ({ id, applied: true })))
  })

  it('renews and claims past rows that somebody is writing, and counts those as ours', async () => {
    const items = await claimed(4)
    await fill(pool, table, 3)
    await withLocked(items[1]?.id, async () => {
      expect((await open().extend(items, 60_000)).sort()).toEqual(items.map(({ id }) => id))
      expect(await open().claim({ limit: 10, leaseMs: 1000 })).toHaveLength(3)
      const { rows } = await pool.query<{ id: string }>(
        `select id from ${qualifiedName(table)} where lease_expires_at > now() + interval '45 s' order by id`,
      )
      expect(rows.map(({ id }) => id)).toEqual([0, 2, 3].map((index) => items[index]?.id))
    })
  })

  it('does not deadlock where unordered writes do', async () => {
    const items = await claimed(300)
    const shuffled = () => [...items].sort(() => Math.random() - 0.5)
    const deadlocks = async (write: (batch: QueueItem[]) => Promise<unknown>, writers: number) => {
      let found = 0
      const write40 = async () => {
        for (let n = 0; n < 40; n += 1) {
          await write(shuffled()).catch((error: pg.DatabaseError) => {
            if (error.code !== '40P01') throw error
            found += 1
          })
        }
      }
      await Promise.all(Array.from({ length: writers }, write40))
      return found
    }
    const queue = open()
    const stale = (batch: QueueItem[]) =>
      batch.map((item) => ({ ...item, leaseToken: items[0]?.leaseToken ?? '' }))
    const kinds = [
      (batch: QueueItem[]) => queue.complete(done(stale(batch.slice(1)))),
      (batch: QueueItem[]) => queue.extend(batch, 60_000),
      (batch: QueueItem[]) => queue.release(stale(batch.slice(1))),
    ]
    let turn = 0
    const ours = await deadlocks(async (batch) => {
      turn += 1
      await kinds[turn % 3]?.(batch)
    }, 5)
    const unordered = await deadlocks(async (batch) => {
      const client = await pool.connect()
      try {
        await client.query('begin; set local deadlock_timeout = 10')
        for (const { id } of batch.slice(0, 20)) {
          await client.query(`update ${qualifiedName(table)} set attempt_count = 0 where id = $1`, [id])
        }
      } finally {
        await client.query('rollback')
        client.release()
      }
    }, 3)
    expect(ours).toBe(0)
    expect(unordered).toBeGreaterThan(0)
  })

  it('undoes a claim whose hook throws, and lets the hook write in its transaction', async () => {
    await fill(pool, table, 3)
    const failing = open({ onClaimed: () => Promise.reject(new Error('no permit')) })
    await expect(failing.claim({ limit: 10, leaseMs: 1000 })).rejects.toThrow('no permit')
    const seen: number[] = []
    const hooked = open({
      onClaimed: async (client, items) => {
        const { rowCount } = await client.query(
          `select from ${qualifiedName(table)} where status = 'processing' and claim_count = 1`,
        )
        seen.push(rowCount ?? 0, items.length)
      },
    })
    expect(await hooked.claim({ limit: 10, leaseMs: 1000 })).toHaveLength(3)
    expect(seen).toEqual([3, 3])
  })

  it('never notifies: a notifying commit would take a lock of the whole server', async () => {
    const listener = new pg.Client({ connectionString: database.connectionString })
    const heard: (string | undefined)[] = []
    listener.on('notification', ({ channel }) => heard.push(channel))
    await listener.connect()
    const { rows } = await pool.query<{ source: string }>(
      `select string_agg(query, ' ') as source from pg_stat_activity where query ilike '%notify%' and pid <> pg_backend_pid()`,
    )
    expect(rows[0]?.source ?? '').toBe('')
    await listener.query('listen the_end')
    const queue = open()
    const items = await claimed(5, queue)
    await queue.extend(items, 1000)
    await queue.release(items.slice(0, 2))
    await queue.complete(done(items))
    await pool.query('notify the_end')
    await vi.waitFor(() => expect(heard).toEqual(['the_end']))
    await listener.end()
  })

  it('names its statements, but not behind a transaction pooler', async () => {
    const single = database.pool({ max: 1 })
    const named = async () => (await single.query('select name from pg_prepared_statements')).rowCount
    const work = async (preparedStatements: boolean) => {
      const queue = open({ pool: single, preparedStatements })
      const items = await claimed(2, queue)
      await queue.extend(items, 1000)
      await queue.complete(done(items))
    }
    await work(false)
    expect(await named()).toBe(0)
    await work(true)
    expect(await named()).toBeGreaterThan(0)
  })

  it('finds what was committed late below the remembered bound within a second', async () => {
    let now = 0
    const queue = open({ monotonic: () => now })
    const late = await pool.connect()
    await fill(pool, table, 1)
    await queue.claim({ limit: 10, leaseMs: 60_000 })
    await late.query('begin')
    await late.query(
      `insert into ${qualifiedName(table)} (id, endpoint_id, next_attempt_at)
      values (gen_random_uuid(), ${groupSql(1)}, now() - interval '1 minute')`,
    )
    now = 400
    expect(await queue.claim({ limit: 10, leaseMs: 60_000 })).toEqual([])
    await late.query('commit')
    late.release()
    now = 800
    expect(await queue.claim({ limit: 10, leaseMs: 60_000 })).toEqual([])
    now = 1000
    expect(await queue.claim({ limit: 10, leaseMs: 60_000 })).toHaveLength(1)
  })

  it('survives that its connection is cut in the middle of a claim', async () => {
    await fill(pool, table, 1)
    const cut = open({
      onClaimed: async (client) => {
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
        const ended = new Promise((resolve) => client.once('end', resolve))
        await pool.query('select pg_terminate_backend($1)', [rows[0]?.pid])
        await ended
      },
    })
    await expect(cut.claim({ limit: 1, leaseMs: 1000 })).rejects.toThrow()
    expect(await open().claim({ limit: 1, leaseMs: 1000 })).toHaveLength(1)
  })

  it('lets one claimer wait for the other, so that it counts what the other took', async () => {
    await pool.query(`update ${table.name}_endpoints set cap = 5`)
    await fill(pool, table, 50)
    let letGo: (() => void) | undefined
    const first = open({
      onClaimed: () =>
        new Promise((resolve) => {
          letGo = resolve
        }),
    }).claim({ limit: 3, leaseMs: 60_000 })
    await vi.waitFor(() => expect(letGo).toBeDefined())
    const second = open().claim({ limit: 10, leaseMs: 60_000 })
    await vi.waitFor(async () => expect(await backends('Lock')).toBe(1))
    letGo?.()
    expect(await first).toHaveLength(3)
    expect(await second).toHaveLength(2)
  })

  it('keeps caps exact for leases that are older than what it looks through', async () => {
    await pool.query(`update ${table.name}_endpoints set cap = 5`)
    await fill(pool, table, 50)
    const queues = [open(), open()]
    const claim = () => Promise.all(queues.map((queue) => queue.claim({ limit: 10, leaseMs: 60_000 })))
    const items = (await claim()).flat()
    expect(items).toHaveLength(5)
    await vi.waitFor(
      async () => {
        expect((await claim()).flat()).toEqual([])
        const { rows } = await pool.query<{ age: number }>(
          'select extract(epoch from clock_timestamp())::float8 * 1000 - $1 as age',
          [items[0]?.claimedAtMs],
        )
        expect(rows[0]?.age).toBeGreaterThan(1500)
      },
      { timeout: 30_000 },
    )
    await open().complete(done(items.slice(0, 2)))
    expect((await claim()).flat()).toHaveLength(2)
  })

  it.each([
    ['before', 300],
    ['after', 1400],
  ])(
    'takes back within a second a lease that ran out %s it counted as old, however many claims saw that',
    async (_, leaseMs) => {
      const lost = await claimed(1, open())
      let now = 0
      const queue = open({ monotonic: () => now })
      expect(await queue.claim({ limit: 1, leaseMs: 60_000 })).toEqual([])
      await pool.query(`update ${qualifiedName(table)} set lease_expires_at = now() + $1 * interval '1 ms'`, [
        leaseMs,
      ])
      // These look at leases and take none back: that is done once a second.
      now = 500
      await vi.waitFor(
        async () => {
          expect(await queue.claim({ limit: 1, leaseMs: 60_000 })).toEqual([])
          const { rows } = await pool.query<{ age: number }>(
            'select extract(epoch from clock_timestamp())::float8 * 1000 - $1 as age',
            [lost[0]?.claimedAtMs],
          )
          expect(rows[0]?.age).toBeGreaterThan(2000)
        },
        { timeout: 30_000 },
      )
      now = 1000
      expect(await queue.claim({ limit: 1, leaseMs: 60_000 })).toMatchObject([
        { id: lost[0]?.id, claimCount: 2 },
      ])
    },
  )

  it('goes on after a claim that failed', async () => {
    await fill(pool, table, 1)
    await pool.query(`alter table ${qualifiedName(table)} rename to hidden`)
    await expect(open().claim({ limit: 1, leaseMs: 1000 })).rejects.toMatchObject({ code: '42P01' })
    await pool.query(`alter table hidden rename to ${table.name}`)
    expect(await open().claim({ limit: 1, leaseMs: 1000 })).toHaveLength(1)
    expect(pool.idleCount).toBe(pool.totalCount)
  })

  it('refuses a table that it cannot name safely', () => {
    expect(() => open({ table: { ...table, gates: 'gates; drop table x', name: '' } })).toThrow(
      expect.objectContaining({ code: 'validation', message: expect.stringMatching(/name: .*\n*gates: /s) }),
    )
  })
})
