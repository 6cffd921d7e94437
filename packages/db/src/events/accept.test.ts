import { uuidv7, uuidv7Time } from '@posthorn/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { accept, accepted, count, insertEndpoint, newEvent, owe, rowsOf } from '../../test/support.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { acceptEvents, typePatterns } from './accept.ts'

describe('acceptEvents', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase()
  })
  beforeEach(() =>
    db.pool.query(
      'truncate posthorn.endpoints, posthorn.events, posthorn.deliveries, posthorn.delivery_queue, posthorn.idempotency_keys',
    ),
  )
  afterAll(() => db.drop())

  const endpointsOf = async (eventId: string) =>
    (
      await rowsOf<{ id: string }>(
        db.pool,
        'select endpoint_id as id from posthorn.deliveries where event_id = $1',
        [eventId],
      )
    ).map((row) => row.id)

  describe('fan-out', () => {
    const cases: [filter: string, type: string, matches: boolean][] = [
      ['order.created', 'order.created', true],
      ['order.created', 'order.created.again', false],
      ['order.created', 'order', false],
      ['order.*', 'order.created', true],
      ['order.*', 'order.line.added', true],
      ['order.*', 'order', false],
      ['order.*', 'orders.created', false],
      ['order.line.*', 'order.line.added', true],
      ['order.line.*', 'order.created', false],
      ['*', 'order.created', true],
      ['*', 'anything', true],
      ['*', 'claude-code.Stop', false],
      ['claude-code.*', 'claude-code.Stop', true],
      ['claude-code.Stop', 'claude-code.Stop', true],
      ['claude-code.*', 'claude-code-like.Stop', false],
      ['order.%', 'order.created', false],
    ]
    it.each(cases)('%s and %s: %s', async (filter, eventType, matches) => {
      const endpoint = await insertEndpoint(db.pool, { eventTypes: [filter] })
      const [answer] = await accept(db.pool, [newEvent({ eventType })])
      expect(await endpointsOf(accepted(answer).eventId)).toEqual(matches ? [endpoint.id] : [])
      expect(accepted(answer).deliveryIds).toHaveLength(matches ? 1 : 0)
    })

    it('reaches an endpoint once, however many of its filters match', async () => {
      await insertEndpoint(db.pool, { eventTypes: ['*', 'order.*', 'order.created'] })
      const [answer] = await accept(db.pool, [newEvent()])
      expect(accepted(answer).deliveryIds).toHaveLength(1)
    })

    it('reaches only the live, enabled endpoints of the same app that have a filter; paused ones too', async () => {
      const [live, paused, disabled, deleted] = await Promise.all([
        insertEndpoint(db.pool),
        insertEndpoint(db.pool),
        insertEndpoint(db.pool),
        insertEndpoint(db.pool),
      ])
      await insertEndpoint(db.pool, { eventTypes: [] })
      await insertEndpoint(db.pool, { appId: uuidv7() })
      await db.pool.query('update posthorn.endpoints set paused_at = now() where id = $1', [paused.id])
      await db.pool.query('update posthorn.endpoints set enabled = false where id = $1', [disabled.id])
      await db.pool.query('update posthorn.endpoints set deleted_at = now() where id = $1', [deleted.id])
      const [answer] = await accept(db.pool, [newEvent()])
      expect((await endpointsOf(accepted(answer).eventId)).sort()).toEqual([live.id, paused.id].sort())
    })

    it('lists every prefix of a type, and everything but for captured events', () => {
      expect(typePatterns('order.line.added')).toEqual(['*', 'order.*', 'order.line.*', 'order.line.added'])
      expect(typePatterns('message')).toEqual(['*', 'message'])
      expect(typePatterns('claude-code.Stop')).toEqual(['claude-code.*', 'claude-code.Stop'])
    })
  })

  it('keeps an event whole and owes it under its endpoint’s policy', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const event = newEvent({
      key: 'k',
      traceId: 'a'.repeat(32),
      sessionId: 's',
      payload: '{"n":1e400,"n":[12345678901234567890 ]}',
      headers: { 'x-a': 'b' },
      ipAddress: '2001:db8::1',
      metadata: { m: ['é'] },
      orderingKey: 'o',
      deliveryHeaders: Buffer.from([0, 255]).toString('base64'),
    })
    const [answer] = await accept(db.pool, [event])
    const [row] = await rowsOf(
      db.pool,
      'select request_id, trace_id, session_id, payload, headers, host(ip_address) as ip, metadata, status from posthorn.events where id = $1',
      [event.id],
    )
    expect(row).toEqual({
      request_id: 'k',
      trace_id: event.traceId,
      session_id: 's',
      payload: event.payload,
      headers: event.headers,
      ip: '2001:db8::1',
      metadata: event.metadata,
      status: 'SUCCESS',
    })
    const [id = ''] = accepted(answer).deliveryIds
    const [delivery] = await rowsOf(
      db.pool,
      `select d.status, d.max_attempts, d.headers, d.metadata, d.ordering_key, q.seq is not null as ordered, q.next_attempt_at = d.created_at as now,
              extract(epoch from d.expires_at - d.created_at) * 1000 as age_ms
         from posthorn.deliveries d join posthorn.delivery_queue q on q.id = d.id where d.id = $1`,
      [id],
    )
    expect(delivery).toMatchObject({
      status: 'pending',
      max_attempts: endpoint.retry.maxAttempts,
      headers: Buffer.from([0, 255]),
      metadata: event.metadata,
      ordering_key: 'o',
      ordered: true,
      now: true,
    })
    expect(Number(delivery?.['age_ms'])).toBe(endpoint.retry.maxAgeMs)
  })

  it('gives deliveries ids of the version and time of their event', async () => {
    await insertEndpoint(db.pool)
    const event = newEvent()
    const [id = ''] = accepted((await accept(db.pool, [event]))[0]).deliveryIds
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(uuidv7Time(id)).toBe(uuidv7Time(event.id))
  })

  it('counts a term from the time for which a delivery is scheduled', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const scheduledAt = new Date(Date.now() + 86_400_000)
    const id = await owe(db.pool, endpoint, { scheduledAt })
    const [row] = await rowsOf<{ due: Date; expires: Date }>(
      db.pool,
      'select next_attempt_at as due, expires_at as expires from posthorn.delivery_queue where id = $1',
      [id],
    )
    expect(row).toEqual({ due: scheduledAt, expires: new Date(scheduledAt.getTime() + 3_600_000) })
  })

  it('numbers the deliveries of an ordering key in the order of the group', async () => {
    const endpoint = await insertEndpoint(db.pool)
    // Keys that sort the other way: a group is written in the order of its keys.
    const events = Array.from({ length: 20 }, (_, at) => newEvent({ key: `k${99 - at}`, orderingKey: 'o' }))
    const answers = await accept(db.pool, events)
    const ids = answers.map((answer) => accepted(answer).deliveryIds[0])
    const rows = await rowsOf<{ id: string }>(
      db.pool,
      'select id from posthorn.delivery_queue where endpoint_id = $1 order by seq',
      [endpoint.id],
    )
    expect(rows.map((row) => row.id)).toEqual(ids)
  })

  describe('keys', () => {
    it('make one event of many equal requests at the same time', async () => {
      await insertEndpoint(db.pool)
      const answers = await Promise.all(
        Array.from({ length: 40 }, async () =>
          accepted((await accept(db.pool, [newEvent({ key: 'same' })]))[0]),
        ),
      )
      expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1)
      expect(
        new Set(answers.map((answer) => JSON.stringify([answer.eventId, answer.deliveryIds]))).size,
      ).toBe(1)
      expect([
        await count(db.pool, 'events'),
        await count(db.pool, 'deliveries'),
        await count(db.pool, 'delivery_queue'),
      ]).toEqual([1, 1, 1])
    })

    it('tell another event under the same key apart', async () => {
      await insertEndpoint(db.pool)
      await accept(db.pool, [newEvent({ key: 'k' })])
      const [answer] = await accept(db.pool, [newEvent({ key: 'k', fingerprint: 'cd'.repeat(32) })])
      expect(answer).toEqual({ mismatch: true })
      expect(await count(db.pool, 'events')).toBe(1)
    })

    it('belong to an app', async () => {
      const [mine, other] = [newEvent({ key: 'k' }), newEvent({ key: 'k', appId: uuidv7() })]
      const answers = (await accept(db.pool, [mine, other])).map(accepted)
      expect(answers.map((answer) => [answer.eventId, answer.duplicate])).toEqual([
        [mine.id, false],
        [other.id, false],
      ])
    })

    it('that come twice in one group make one event; the second is told of the first', async () => {
      await insertEndpoint(db.pool)
      const [first, second, third] = [
        newEvent({ key: 'k' }),
        newEvent({ key: 'k' }),
        newEvent({ key: 'k', fingerprint: 'cd'.repeat(32) }),
      ]
      const answers = await accept(db.pool, [first, second, newEvent(), third])
      const [made, repeated] = [accepted(answers[0]), accepted(answers[1])]
      expect([made.duplicate, repeated.duplicate].sort()).toEqual([false, true])
      expect(repeated.eventId).toBe(made.eventId)
      expect(repeated.deliveryIds).toEqual(made.deliveryIds)
      expect(accepted(answers[2])).toMatchObject({ duplicate: false })
      expect(answers[3]).toEqual({ mismatch: true })
      expect(await count(db.pool, 'events')).toBe(2)
    })

    const endTerm = (key: string) =>
      db.pool.query(
        `update posthorn.idempotency_keys set expires_at = now() - interval '1 second' where key = $1`,
        [key],
      )

    it('are free again after their term, for the same event and for another', async () => {
      await insertEndpoint(db.pool)
      const events = [newEvent({ key: 'a' }), newEvent({ key: 'b' }), newEvent({ key: 'c' })]
      const first = (await accept(db.pool, events)).map(accepted)
      await endTerm('a')
      await endTerm('b')
      const other = { fingerprint: 'cd'.repeat(32) }
      const again = [newEvent({ key: 'a' }), newEvent({ key: 'b', ...other }), newEvent({ key: 'c' })]
      const answers = (await accept(db.pool, again)).map(accepted)
      expect(answers.map(({ eventId, duplicate }) => [eventId, duplicate])).toEqual([
        [again[0]?.id, false],
        [again[1]?.id, false],
        [first[2]?.eventId, true],
      ])
      for (const answer of answers) expect(answer.deliveryIds).toHaveLength(1)
      // Taken anew, for a whole term.
      expect(accepted((await accept(db.pool, [newEvent({ key: 'a' })]))[0])).toEqual({
        ...answers[0],
        duplicate: true,
      })
      expect(await count(db.pool, 'idempotency_keys', `expires_at > now() + interval '29 days'`)).toBe(3)
    })

    it('make one event of many equal requests after their term', async () => {
      await accept(db.pool, [newEvent({ key: 'k' })])
      await endTerm('k')
      const answers = await Promise.all(
        Array.from({ length: 20 }, async () =>
          accepted((await accept(db.pool, [newEvent({ key: 'k' })]))[0]),
        ),
      )
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
      expect(new Set(answers.map(({ eventId }) => eventId)).size).toBe(1)
      expect(await count(db.pool, 'events')).toBe(2)
    })

    it('whose term is over are taken within the transaction that asked, and come back with it', async () => {
      const first = accepted((await accept(db.pool, [newEvent({ key: 'k' })]))[0])
      await endTerm('k')
      const client = await db.pool.connect()
      await client.query('begin')
      expect(accepted((await accept(client, [newEvent({ key: 'k' })]))[0]).duplicate).toBe(false)
      await client.query('rollback')
      client.release()
      expect(
        await rowsOf(db.pool, `select event_id as id from posthorn.idempotency_keys where key = 'k'`),
      ).toEqual([{ id: first.eventId }])
    })
  })

  it('may be given a group again whose commit was not confirmed, with and without keys', async () => {
    await insertEndpoint(db.pool)
    const group = [
      newEvent({ key: 'a' }),
      newEvent(),
      newEvent({ key: 'b', patterns: [] }),
      newEvent({ patterns: [] }),
    ]
    const first = (await accept(db.pool, group)).map(accepted)
    const again = (await accept(db.pool, [...group, newEvent()])).map(accepted)
    expect(again.slice(0, 4)).toEqual(first)
    expect(again.every((answer) => !answer.duplicate)).toBe(true)
    expect([
      await count(db.pool, 'events'),
      await count(db.pool, 'deliveries'),
      await count(db.pool, 'delivery_queue'),
    ]).toEqual([5, 3, 3])
  })

  it('takes nothing of a group in which one event cannot be kept', async () => {
    await insertEndpoint(db.pool)
    const group = [newEvent({ key: 'a' }), newEvent({ payload: '"\0"' }), newEvent()]
    await expect(accept(db.pool, group)).rejects.toMatchObject({ code: expect.stringMatching(/^22/) })
    expect([await count(db.pool, 'events'), await count(db.pool, 'idempotency_keys')]).toEqual([0, 0])
  })

  it('wakes workers at its commit, when something is owed and not otherwise', async () => {
    const listener = await db.pool.connect()
    let heard = 0
    listener.on('notification', () => {
      heard += 1
    })
    await listener.query('listen posthorn_due')
    await acceptEvents(db.pool, [newEvent()], { wake: true, prepared: false })
    await insertEndpoint(db.pool)
    await acceptEvents(db.pool, [newEvent()], { wake: false, prepared: false })
    await listener.query('select 1')
    expect(heard).toBe(0)
    await acceptEvents(db.pool, [newEvent(), newEvent()], { wake: true, prepared: false })
    await expect.poll(() => heard).toBe(1)
    await listener.query('unlisten *')
    listener.release()
  })

  it('answers nothing to nothing', async () => {
    expect(await accept(db.pool, [])).toEqual([])
  })
})
