import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openBlackHole } from '../test/black-hole.ts'
import { startPostgres, type TestDatabase } from '../test/postgres.ts'
import { Listener, type ListenerOptions } from './listener.ts'

describe('Listener', () => {
  let database: TestDatabase
  let pool: pg.Pool
  const opened: Listener[] = []
  beforeAll(async () => {
    database = await startPostgres()
    pool = database.pool()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((listener) => listener.close()))
  })
  afterAll(() => database?.stop())

  /** A listener that hardly ever polls, so that what wakes it is a notification. */
  async function open(options: Partial<ListenerOptions> = {}) {
    const wakes = { count: 0 }
    const errors: unknown[] = []
    const listener = new Listener({
      connectionString: database.connectionString,
      channel: 'due',
      pollMs: 3_600_000,
      onWake: () => {
        wakes.count += 1
      },
      onError: (error) => errors.push(error),
      ...options,
    })
    opened.push(listener)
    await listener.start()
    return { listener, wakes, errors }
  }
  const notify = () => pool.query('notify due')

  it('wakes at the start and at a notification', async () => {
    const { listener, wakes } = await open()
    expect(listener.isListening).toBe(true)
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(0))
    const before = wakes.count
    await notify()
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(before))
  })

  it('polls whatever the notifications do', async () => {
    const { wakes } = await open({ pollMs: 5 })
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(5))
  })

  it('opens no connection in poll mode, and needs none', async () => {
    let wakes = 0
    const count = () => {
      wakes += 1
    }
    const listener = new Listener({ mode: 'poll', pollMs: 5, onWake: count })
    opened.push(listener)
    await listener.start()
    await vi.waitFor(() => expect(wakes).toBeGreaterThan(3))
    expect(listener.isListening).toBe(false)
    expect(() => new Listener({ onWake: () => undefined })).toThrow('connectionString')
  })

  it('answers any number of wakes during a wake with one more', async () => {
    let calls = 0
    let end: () => void = () => undefined
    const { listener } = await open({
      mode: 'poll',
      onWake: () => {
        calls += 1
        return new Promise<void>((resolve) => {
          end = resolve
        })
      },
    })
    for (let n = 0; n < 10; n += 1) listener.wake()
    expect(calls).toBe(1)
    end()
    await vi.waitFor(() => expect(calls).toBe(2))
    end()
    await listener.close()
    expect(calls).toBe(2)
  })

  it('goes on when a wake fails', async () => {
    let calls = 0
    const { errors } = await open({
      mode: 'poll',
      pollMs: 1,
      onWake: () => {
        calls += 1
        throw new Error(`wake ${calls}`)
      },
    })
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(2))
  })

  it('listens again after its backend was terminated, and wakes for what it may have missed', async () => {
    const { listener, wakes, errors } = await open()
    const before = wakes.count
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
      where query like 'listen%' and datname = current_database()`,
    )
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0))
    await vi.waitFor(() => expect(listener.isListening).toBe(true))
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(before))
    const again = wakes.count
    await notify()
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(again))
  })

  it('notices a line whose other end is gone without a word', async () => {
    const target = new URL(database.connectionString)
    const hole = await openBlackHole(Number(target.port || 5432), target.hostname)
    target.hostname = '127.0.0.1'
    target.port = String(hole.port)
    const { listener, wakes, errors } = await open({
      connectionString: target.toString(),
      checkMs: 20,
      checkTimeoutMs: 200,
    })
    expect(listener.isListening).toBe(true)
    hole.swallow(true)
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), { timeout: 10_000 })
    hole.swallow(false)
    await vi.waitFor(() => expect(listener.isListening).toBe(true), { timeout: 10_000 })
    expect(hole.lines).toBeGreaterThan(1)
    const before = wakes.count
    await notify()
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(before))
    await listener.close()
    await hole.close()
  })

  it('polls while there is nothing to connect to', async () => {
    const { listener, wakes, errors } = await open({
      connectionString: 'postgres://nobody@127.0.0.1:1/nothing',
      pollMs: 5,
    })
    expect(listener.isListening).toBe(false)
    expect(errors.length).toBeGreaterThan(0)
    await vi.waitFor(() => expect(wakes.count).toBeGreaterThan(3))
  })

  it('stops waking when it is closed', async () => {
    const { listener, wakes } = await open({ pollMs: 1 })
    await listener.close()
    const before = wakes.count
    listener.wake()
    await notify()
    expect(wakes.count).toBe(before)
    const { rowCount } = await pool.query(`select 1`)
    expect(rowCount).toBe(1)
    expect(wakes.count).toBe(before)
  })
})
