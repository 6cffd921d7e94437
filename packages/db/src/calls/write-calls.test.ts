import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callBatch, newCall, newCallAttempt, newNotification } from '../../test/call-support.ts'
import { count, insertEndpoint, rowsOf } from '../../test/support.ts'
import { DEFAULT_APP_ID } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { CallRepository } from './call-repository.ts'
import { writeCalls } from './write-calls.ts'

const DAY_MS = 86_400_000

describe('writeCalls', () => {
  let db: TestDatabase
  let calls: CallRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    calls = new CallRepository(db.pool)
  })
  afterAll(() => db.drop())

  const write = (batch: Parameters<typeof callBatch>[0]) => writeCalls(db.pool, callBatch(batch))
  const stat = (attempts: number) => ({
    endpointId: uuidv7(),
    minute: new Date('2026-01-01T12:00:00Z'),
    workerId: 'ingest-1',
    attempts,
    successes: attempts,
    durationSumMs: 10,
    failures: {},
    buckets: [3],
    bucketCounts: [attempts],
  })

  it('keeps a call with all that is known of it and the requests made for it, first one first', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const call = newCall({
      endpointId: endpoint.id,
      outcome: 'fallback',
      source: 'random-winner',
      fallback: 'random-winner',
      reason: 'http_5xx',
      message: 'It answered 503.',
      ageMs: 3_000_000_000.4,
      attempts: 2,
      audit: { seed: '\0 \ud800', drawn: [1, 2.5], z: 1, a: 2 },
    })
    const failed = newCallAttempt({
      callId: call.id,
      endpointId: endpoint.id,
      success: false,
      status: 503,
      failure: 'http_5xx',
      errorCode: 'E',
      errorMessage: 'bad\0',
      responseHeaders: { 'x-a': 'b' },
      responseBody: '<\ud800>',
      responseTruncated: true,
      circuitEpoch: 2 ** 40,
    })
    const appError = newCallAttempt({
      callId: call.id,
      endpointId: endpoint.id,
      number: 2,
      success: false,
      failure: 'app_error',
    })
    expect(await write({ calls: [call], attempts: [appError, failed] })).toEqual([])
    const found = await calls.get(DEFAULT_APP_ID, call.id)
    expect(found?.call).toEqual({
      ...call,
      ageMs: 3_000_000_000,
      audit: { ...call.audit, seed: '\uFFFD \uFFFD' },
    })
    const { callId: _, status: __, ...rest } = failed
    expect(found?.attempts).toEqual([
      { ...rest, statusCode: 503, errorMessage: 'bad\uFFFD', responseBody: '<\uFFFD>', workerId: 'ingest-1' },
      expect.objectContaining({ id: appError.id, number: 2, failure: 'app_error', timing: appError.timing }),
    ])
    expect(
      await rowsOf(db.pool, 'select kind, delivery_id from posthorn.attempts where id = $1', [failed.id]),
    ).toEqual([{ kind: 'call', delivery_id: null }])
  })

  it('keeps a call that no request was made for, of an endpoint that is not known', async () => {
    const call = newCall({
      endpointId: null,
      outcome: 'fallback',
      reason: 'circuit_open',
      attempts: 0,
      source: null,
    })
    await write({ calls: [call] })
    expect(await calls.get(null, call.id)).toEqual({ call, attempts: [] })
    expect(await calls.get(uuidv7(), call.id)).toBeUndefined()
    expect(await calls.get(null, uuidv7())).toBeUndefined()
  })

  it('writes and counts a batch once that is handed over again, alone, at once, or with what came since', async () => {
    const call = newCall()
    const attempt = newCallAttempt({ callId: call.id })
    const figures = stat(4)
    const notification = newNotification({ roomId: uuidv7() })
    const batch = { calls: [call], attempts: [attempt], notifications: [notification], stats: [figures] }
    await Promise.all([write(batch), write(batch)])
    const since = newCall()
    await write({
      calls: [call, since],
      attempts: [attempt, newCallAttempt({ callId: since.id })],
      notifications: [{ ...notification, count: 2 }],
      stats: [{ ...figures, attempts: 5 }],
    })
    expect(await count(db.pool, 'calls', `id in ('${call.id}', '${since.id}')`)).toBe(2)
    expect(await count(db.pool, 'attempts', `call_id in ('${call.id}', '${since.id}')`)).toBe(2)
    expect(await count(db.pool, 'notifications', `id = '${notification.id}' and count = 2`)).toBe(1)
    expect(
      await count(db.pool, 'attempt_stats', `endpoint_id = '${figures.endpointId}' and attempts = 5`),
    ).toBe(1)
  })

  it('is written whole although the answer to its commit was lost', async () => {
    const call = newCall()
    const batch = callBatch({ calls: [call], notifications: [newNotification({ roomId: call.id })] })
    const client = await db.pool.connect()
    const lossy = Object.create(db.pool, {
      connect: {
        value: async () => {
          const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
          const losing = async (...args: unknown[]) => {
            const answer = await query(...args)
            if (args[0] === 'commit') throw new Error('Connection terminated unexpectedly')
            return answer
          }
          return Object.create(client, { query: { value: losing }, release: { value: () => undefined } })
        },
      },
    }) as typeof db.pool
    await expect(writeCalls(lossy, batch)).rejects.toThrow('Connection terminated')
    client.release()
    expect(await writeCalls(db.pool, batch)).toEqual([])
    expect(await count(db.pool, 'calls', `id = '${call.id}'`)).toBe(1)
    expect(
      await rowsOf(db.pool, 'select count from posthorn.notifications where room_id = $1', [call.id]),
    ).toEqual([{ count: 1 }])
  })

  it('makes the partitions that are missing, and goes on', async () => {
    const [old, older] = [new Date(Date.now() - 20 * DAY_MS), new Date(Date.now() - 21 * DAY_MS)]
    const batch = [newCall(), newCall({ startedAt: old }), newCall({ startedAt: older })]
    const attempt = newCallAttempt({ callId: batch[1]?.id ?? '', startedAt: old })
    const notification = newNotification({ roomId: uuidv7() })
    expect(await write({ calls: batch, attempts: [attempt], notifications: [notification] })).toEqual([])
    for (const call of batch) expect((await calls.get(null, call.id))?.call).toEqual(call)
    expect(await count(db.pool, 'attempts', `id = '${attempt.id}'`)).toBe(1)
    expect(await count(db.pool, 'notifications', `id = '${notification.id}' and count = 1`)).toBe(1)
  })

  it('tells which rows are refused, and writes all others', async () => {
    const roomId = uuidv7()
    const good = Array.from({ length: 40 }, () => newCall())
    const bad = newCall({ attempts: 2 ** 40 })
    const unknown = newCall({ outcome: 'lost' as 'ok' })
    const attempts = good.map(({ id }) => newCallAttempt({ callId: id }))
    const badAttempt = newCallAttempt({ endpointId: 'no id' })
    const badStat = { ...stat(1), buckets: [2 ** 20] }
    const refused = await write({
      calls: [...good.slice(0, 17), bad, ...good.slice(17), unknown],
      attempts: [badAttempt, ...attempts],
      notifications: [newNotification({ roomId, count: 2 })],
      stats: [stat(1), badStat],
    })
    expect(refused).toEqual([
      { kind: 'calls', id: bad.id, code: '22003' },
      { kind: 'calls', id: unknown.id, code: '23514' },
      { kind: 'attempts', id: badAttempt.id, code: '22P02' },
      { kind: 'stats', id: badStat.endpointId, code: '22003' },
    ])
    const ids = good.map(({ id }) => `'${id}'`).join(',')
    expect(await count(db.pool, 'calls', `id in (${ids})`)).toBe(40)
    expect(await count(db.pool, 'attempts', `call_id in (${ids})`)).toBe(40)
    expect(await count(db.pool, 'notifications', `room_id = '${roomId}' and count = 2`)).toBe(1)
  })

  it('writes nothing of an empty batch, and passes on what may work again later', async () => {
    expect(await write({})).toEqual([])
    const other = await createTestDatabase()
    await other.pool.query('alter table posthorn.notifications rename to elsewhere')
    const call = newCall()
    const batch = callBatch({ calls: [call], notifications: [newNotification()] })
    await expect(writeCalls(other.pool, batch)).rejects.toMatchObject({ code: '42P01' })
    expect(await count(other.pool, 'calls')).toBe(0)
    await other.pool.query('alter table posthorn.elsewhere rename to notifications')
    await writeCalls(other.pool, batch)
    expect(await count(other.pool, 'calls')).toBe(1)
    await other.drop()
  })

  it('gives calls by app, capability and outcome, newest first, page by page', async () => {
    const appId = uuidv7()
    const made = Array.from({ length: 6 }, (_, n) =>
      newCall({
        appId,
        capability: n % 2 === 0 ? 'quote' : 'winner',
        outcome: n < 3 ? 'ok' : 'fallback',
        startedAt: new Date(Date.now() - (n % 2) * DAY_MS),
      }),
    )
    await write({ calls: made })
    const list = async (filter: Parameters<CallRepository['list']>[1], page = {}) =>
      (await calls.list(appId, filter, page)).data.map(({ id }) => made.findIndex((call) => call.id === id))
    expect(await list({})).toEqual([5, 4, 3, 2, 1, 0])
    expect(await list({ capability: 'quote' })).toEqual([4, 2, 0])
    expect(await list({ capability: 'winner', outcome: 'fallback' })).toEqual([5, 3])
    const first = await calls.list(appId, {}, { limit: 4 })
    expect(await list({}, { limit: 4, cursor: first.next })).toEqual([1, 0])
    expect((await calls.list(null, {}, { limit: 1 })).data).toEqual([made[5]])
  })
})
