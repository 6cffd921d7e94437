import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callBatch, newCall } from '../test/call-support.ts'
import { attempt, insertEndpoint, rowsOf } from '../test/support.ts'
import { writeCalls } from './calls/write-calls.ts'
import { recordAttempt } from './deliveries/attempt-log.ts'
import { dropOldPartitions, ensurePartitionFor, ensurePartitions } from './partitions.ts'
import { createTestDatabase, type TestDatabase } from './testing/index.ts'

const DAY_MS = 86_400_000
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS)
const nameOf = (day: Date) => `attempts_p${day.toISOString().slice(0, 10).replaceAll('-', '')}`

describe('partitions', () => {
  let db: TestDatabase
  let client: pg.Client
  beforeEach(async () => {
    db = await createTestDatabase()
    client = new pg.Client({ connectionString: db.url })
    await client.connect()
  })
  afterEach(async () => {
    await client.end()
    await db.drop()
  })

  const attached = async () =>
    (
      await rowsOf<{ name: string }>(
        db.pool,
        `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'posthorn.attempts'::regclass order by 1`,
      )
    ).map((row) => row.name.replace('posthorn.', ''))
  const tables = async () =>
    (
      await rowsOf<{ name: string }>(
        db.pool,
        `select relname as name from pg_class where relname like 'attempts\\_p%' and relkind = 'r' order by 1`,
      )
    ).map((row) => row.name)

  it('reach a week ahead, by UTC days, and are made once', async () => {
    const names = await attached()
    expect(names).toHaveLength(8)
    expect(names).toContain(nameOf(daysAgo(-7)))
    expect(await ensurePartitions(client)).toEqual([])
  })

  it('are made once by callers that come at the same time', async () => {
    for (const name of await tables()) await db.pool.query(`drop table posthorn.${name}`)
    const others = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const other = await db.pool.connect()
        try {
          return await ensurePartitions(other)
        } finally {
          other.release()
        }
      }),
    )
    expect(others.flat().sort()).toEqual(await attached())
    expect(await attached()).toHaveLength(8)
  })

  it('have the bounds, keys and indexes of their table, and take rows', async () => {
    const endpoint = await insertEndpoint(db.pool)
    await recordAttempt(db.pool, endpoint.id, attempt({ kind: 'test' }))
    const today = nameOf(new Date())
    const indexes = (table: string) =>
      `(select count(*)::int from pg_index where indrelid = 'posthorn.${table}'::regclass)`
    const [row] = await rowsOf(
      db.pool,
      `select (select count(*)::int from posthorn.${today}) as n, ${indexes(today)} = ${indexes('attempts')} as indexed,
              (select count(*)::int from pg_constraint where conrelid = 'posthorn.${today}'::regclass and conname like '%_bound') as checks`,
    )
    expect(row).toEqual({ n: 1, indexed: true, checks: 0 })
  })

  it('of calls are made with those of attempts, and take rows', async () => {
    const today = nameOf(new Date()).replace('attempts', 'calls')
    await db.pool.query(`drop table posthorn.${today}`)
    expect(await ensurePartitions(client)).toEqual([today])
    const call = newCall()
    await writeCalls(db.pool, callBatch({ calls: [call] }))
    expect(await rowsOf(db.pool, `select id from posthorn.${today}`)).toEqual([{ id: call.id }])
    expect(await dropOldPartitions(client, 'calls', 30)).toEqual([])
  })

  it('come back after an absence of a month, so that rows of today can be written', async () => {
    for (const name of await tables()) await db.pool.query(`drop table posthorn.${name}`)
    await ensurePartitionFor(client, 'attempts', daysAgo(33))
    const endpoint = await insertEndpoint(db.pool)
    await expect(recordAttempt(db.pool, endpoint.id, attempt())).rejects.toThrow()
    expect(await ensurePartitions(client)).toHaveLength(8)
    await recordAttempt(db.pool, endpoint.id, attempt())
    // The days of the absence need none: nothing was sent then.
    expect(await attached()).toEqual([
      nameOf(daysAgo(33)),
      ...Array.from({ length: 8 }, (_, day) => nameOf(daysAgo(-day))),
    ])
  })

  it('are made for one moment, however often that is asked', async () => {
    await ensurePartitionFor(client, 'attempts', daysAgo(3))
    await ensurePartitionFor(client, 'attempts', daysAgo(3))
    const endpoint = await insertEndpoint(db.pool)
    await recordAttempt(db.pool, endpoint.id, attempt({ startedAt: daysAgo(3) }))
    expect(await attached()).toContain(nameOf(daysAgo(3)))
  })

  it('are dropped when their day is over for longer than the term, and run twice changes nothing', async () => {
    for (const days of [40, 31, 30, 29]) await ensurePartitionFor(client, 'attempts', daysAgo(days))
    expect(await dropOldPartitions(client, 'attempts', 30)).toEqual([
      nameOf(daysAgo(40)),
      nameOf(daysAgo(31)),
    ])
    expect(await dropOldPartitions(client, 'attempts', 30)).toEqual([])
    expect((await tables()).slice(0, 2)).toEqual([nameOf(daysAgo(30)), nameOf(daysAgo(29))])
  })

  it('drop what an interrupted run had detached but not dropped', async () => {
    await ensurePartitionFor(client, 'attempts', daysAgo(40))
    await db.pool.query(`alter table posthorn.attempts detach partition posthorn.${nameOf(daysAgo(40))}`)
    expect(await dropOldPartitions(client, 'attempts', 30)).toEqual([nameOf(daysAgo(40))])
    expect(await tables()).not.toContain(nameOf(daysAgo(40)))
  })

  it('finish a detach that a long reader interrupted, and leave nothing pending', async () => {
    for (const days of [41, 40]) await ensurePartitionFor(client, 'attempts', daysAgo(days))
    const reader = await db.pool.connect()
    await reader.query('begin')
    await reader.query('select count(*) from posthorn.attempts')
    // Detaching waits for the reader, gives up after its lock_timeout and leaves the detach pending.
    expect(await dropOldPartitions(client, 'attempts', 30)).toEqual([])
    const pending = 'select count(*)::int as n from pg_inherits where inhdetachpending'
    expect(await rowsOf(db.pool, pending)).toEqual([{ n: 1 }])
    await reader.query('commit')
    reader.release()
    expect(await dropOldPartitions(client, 'attempts', 30)).toEqual([
      nameOf(daysAgo(41)),
      nameOf(daysAgo(40)),
    ])
    expect(await rowsOf(db.pool, pending)).toEqual([{ n: 0 }])
  })

  it('do not make a writer wait behind somebody who holds the table', async () => {
    const holder = await db.pool.connect()
    await holder.query('begin')
    await holder.query('lock table posthorn.attempts in share update exclusive mode')
    await expect(ensurePartitionFor(client, 'attempts', daysAgo(5))).rejects.toMatchObject({ code: '55P03' })
    // The client is usable again, and its timeout was for that transaction only.
    expect(await rowsOf(client, 'show lock_timeout')).toEqual([{ lock_timeout: '0' }])
    await holder.query('rollback')
    holder.release()
    await ensurePartitionFor(client, 'attempts', daysAgo(5))
    expect(await attached()).toContain(nameOf(daysAgo(5)))
  })

  it('are dropped once by two runs at the same time', async () => {
    for (const days of [42, 41, 40]) await ensurePartitionFor(client, 'attempts', daysAgo(days))
    const other = await db.pool.connect()
    const dropped = await Promise.all([
      dropOldPartitions(client, 'attempts', 30),
      dropOldPartitions(other, 'attempts', 30),
    ])
    other.release()
    await dropOldPartitions(client, 'attempts', 30)
    expect((await tables()).filter((name) => name < nameOf(daysAgo(30)))).toEqual([])
    expect(dropped.flat().length).toBeLessThanOrEqual(3)
  })
})
