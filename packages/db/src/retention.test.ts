import { createUuidV7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callBatch, newApproval, newCall, newCallAttempt, newNotification } from '../test/call-support.ts'
import {
  accept,
  accepted,
  attempt,
  claimOne,
  count,
  failedOutcome,
  insertEndpoint,
  newEvent,
  outcome,
  owe,
  rowsOf,
} from '../test/support.ts'
import { AnswerRepository } from './answers/answer-repository.ts'
import { ApprovalRepository } from './approvals/approval-repository.ts'
import { writeCalls } from './calls/write-calls.ts'
import { recordAttempt } from './deliveries/attempt-log.ts'
import { completeDeliveries, type DeliveryOutcome } from './deliveries/completion.ts'
import type { Endpoint } from './endpoints/endpoint.ts'
import { ensurePartitionFor } from './partitions.ts'
import { applyRetention } from './retention.ts'
import { createTestDatabase, type TestDatabase } from './testing/index.ts'

const DAY_MS = 86_400_000
const KEEP = { events: 30, attempts: 30, deadLetters: 90, stats: 90 }
const idAt = (daysAgo: number) => createUuidV7({ now: () => Date.now() - daysAgo * DAY_MS })()

describe('retention', () => {
  let db: TestDatabase
  let endpoint: Endpoint
  beforeAll(async () => {
    db = await createTestDatabase()
    endpoint = await insertEndpoint(db.pool)
  })
  afterAll(() => db.drop())

  const finish = async (change: Partial<DeliveryOutcome> = {}, isDead = false) => {
    const item = await claimOne(db.pool)
    const made = isDead ? failedOutcome(item, change) : outcome(item, change)
    await completeDeliveries(db.pool, [made], [], { prepared: false })
  }
  const exists = async (table: string, id: string) => (await count(db.pool, table, `id = '${id}'`)) === 1
  /** An event of some days ago and its one delivery, which is pending. */
  const oldDelivery = async (daysAgo: number) => {
    const eventId = idAt(daysAgo)
    return { eventId, id: await owe(db.pool, endpoint, { id: eventId }) }
  }

  it('removes what is over and older than its term, children and parents, and keeps the rest', async () => {
    const old = await oldDelivery(31)
    await finish()
    const young = await oldDelivery(29)
    await finish()
    const { rows } = await applyRetention(db.pool, KEEP)
    expect(rows).toMatchObject({ deliveries: 1, events: 1 })
    expect([await exists('deliveries', old.id), await exists('events', old.eventId)]).toEqual([false, false])
    expect([await exists('deliveries', young.id), await exists('events', young.eventId)]).toEqual([
      true,
      true,
    ])
  })

  it('never removes a delivery that is not over, however old, nor its event, nor its place in the queue', async () => {
    const scheduled = idAt(300)
    const id = await owe(db.pool, endpoint, {
      id: scheduled,
      scheduledAt: new Date(Date.now() + 30 * DAY_MS),
    })
    await applyRetention(db.pool, KEEP)
    expect(await exists('events', scheduled)).toBe(true)
    expect(await exists('deliveries', id)).toBe(true)
    expect(await exists('delivery_queue', id)).toBe(true)
    await db.pool.query('delete from posthorn.delivery_queue where id = $1', [id])
    await db.pool.query(`update posthorn.deliveries set status = 'cancelled' where id = $1`, [id])
  })

  it('keeps a dead delivery and its event for as long as its dead letter is open', async () => {
    const dead = await oldDelivery(60)
    await finish({}, true)
    await applyRetention(db.pool, KEEP)
    expect(await exists('deliveries', dead.id)).toBe(true)
    expect(await exists('events', dead.eventId)).toBe(true)
    await db.pool.query('update posthorn.dead_letters set discarded_at = now() where delivery_id = $1', [
      dead.id,
    ])
    await applyRetention(db.pool, KEEP)
    expect(await exists('deliveries', dead.id)).toBe(false)
    expect(await exists('events', dead.eventId)).toBe(false)
    expect(await count(db.pool, 'dead_letters')).toBe(1)
  })

  it('keeps a delivery that halts its ordering key: its row in the queue still means something', async () => {
    const halted = idAt(60)
    const id = await owe(db.pool, endpoint, { id: halted, orderingKey: 'k' })
    await finish({ halt: true }, true)
    await db.pool.query('update posthorn.dead_letters set discarded_at = now() where delivery_id = $1', [id])
    await applyRetention(db.pool, KEEP)
    expect(await exists('deliveries', id)).toBe(true)
    expect(await exists('events', halted)).toBe(true)
  })

  it('removes old dead letters, statistics, expired keys and whole days of attempts', async () => {
    await db.pool.query(
      `insert into posthorn.dead_letters (id, app_id, delivery_id, event_id, endpoint_id, reason, attempts)
       select id, $2, id, id, $3, 'exhausted', 1 from unnest($1::uuid[]) id`,
      [[idAt(91), idAt(89)], endpoint.appId, endpoint.id],
    )
    await db.pool.query(
      `insert into posthorn.attempt_stats select $1, now() - days * interval '1 day', 'w', 1, 1, 1, '{}', '{}', '{}' from unnest(array[91, 89]) days`,
      [endpoint.id],
    )
    const [answer] = await accept(db.pool, [
      newEvent({ key: 'old', patterns: [] }),
      newEvent({ key: 'young', patterns: [] }),
    ])
    expect(accepted(answer).duplicate).toBe(false)
    await db.pool.query(
      `update posthorn.idempotency_keys set expires_at = now() - interval '1 second' where key = 'old'`,
    )
    const client = await db.pool.connect()
    await ensurePartitionFor(client, 'attempts', new Date(Date.now() - 40 * DAY_MS))
    client.release()
    await recordAttempt(db.pool, endpoint.id, attempt({ startedAt: new Date(Date.now() - 40 * DAY_MS) }))
    const before = await count(db.pool, 'attempts')

    const report = await applyRetention(db.pool, KEEP)
    expect(report.partitions).toHaveLength(1)
    expect(report.rows).toMatchObject({ dead_letters: 1, attempt_stats: 1, idempotency_keys: 1 })
    expect(await count(db.pool, 'attempts')).toBe(before - 1)
    expect(await rowsOf(db.pool, 'select key from posthorn.idempotency_keys')).toEqual([{ key: 'young' }])
  })

  it('removes more than one batch, children first, and a second run finds nothing', async () => {
    await db.pool.query(
      `with made as (
         select overlay(gen_random_uuid()::text placing left($1, 14) || '7' from 1 for 15)::uuid as id from generate_series(1, 12000)
       ), kept as (
         insert into posthorn.events (id, app_id, source, event_type, payload) select id, $2, 'test', 'a', '{}' from made
       )
       insert into posthorn.deliveries (id, event_id, endpoint_id, app_id, status, max_attempts, expires_at)
       select id, id, $3, $2, 'delivered', 5, now() from made`,
      [idAt(45), endpoint.appId, endpoint.id],
    )
    expect((await applyRetention(db.pool, KEEP)).rows).toMatchObject({ deliveries: 12_000, events: 12_000 })
    const again = await applyRetention(db.pool, KEEP)
    expect(again.partitions).toEqual([])
    expect(Object.values(again.rows).every((n) => n === 0)).toBe(true)
    expect(
      await rowsOf(
        db.pool,
        `select d.id from posthorn.deliveries d where not exists (select from posthorn.events e where e.id = d.event_id)`,
      ),
    ).toEqual([])
  })

  it('removes conversations in which nothing has happened for as long, with all that was said and done in them', async () => {
    const [old, resumed, young] = [idAt(40), idAt(40), idAt(10)]
    await db.pool.query(
      `insert into posthorn.conversations (id, app_id, session_id, started_at, last_event_at)
       select id, $2, id::text, now(), now() - days * interval '1 day' from unnest($1::uuid[], array[31, 1, 31]) as c(id, days)`,
      [[old, resumed, young], endpoint.appId],
    )
    await db.pool.query(
      `with made as (select c, gen_random_uuid() as id from unnest($1::uuid[]) c, generate_series(1, 3)), said as (
         insert into posthorn.messages (id, app_id, conversation_id, event_id, role, text, occurred_at, place)
         select id, $2, c, id, 'user', '', now(), '' from made)
       insert into posthorn.tool_uses (id, app_id, conversation_id, event_id, tool_name, started_at, place)
       select id, $2, c, id, 'Bash', now(), '' from made`,
      [[old, resumed, young], endpoint.appId],
    )
    expect((await applyRetention(db.pool, KEEP)).rows).toMatchObject({ conversations: 1 })
    for (const table of ['messages', 'tool_uses']) {
      const left = await rowsOf(
        db.pool,
        `select distinct conversation_id as id from posthorn.${table} order by 1`,
      )
      expect(left).toEqual([resumed, young].sort().map((id) => ({ id })))
    }
    expect([await exists('conversations', resumed), await exists('conversations', young)]).toEqual([
      true,
      true,
    ])
  })

  it('keeps a captured event that is not projected yet', async () => {
    const [waiting, projected] = [idAt(40), idAt(40)]
    await db.pool.query(
      `insert into posthorn.events (id, app_id, source, event_type, payload) select id, $2, 'test', 'a', '{}' from unnest($1::uuid[]) id`,
      [[waiting, projected], endpoint.appId],
    )
    await db.pool.query('insert into posthorn.projection_queue (id, app_id) values ($1, $2)', [
      waiting,
      endpoint.appId,
    ])
    await applyRetention(db.pool, KEEP)
    expect([await exists('events', waiting), await exists('events', projected)]).toEqual([true, false])
    await db.pool.query('delete from posthorn.projection_queue')
    await db.pool.query('delete from posthorn.events where id = $1', [waiting])
  })

  it('removes whole days of calls with those of their attempts', async () => {
    const old = new Date(Date.now() - 33 * DAY_MS)
    const [gone, kept] = [newCall({ startedAt: old }), newCall()]
    const attempts = [gone, kept].map(({ id, startedAt }) => newCallAttempt({ callId: id, startedAt }))
    await writeCalls(db.pool, callBatch({ calls: [gone, kept], attempts }))
    const day = old.toISOString().slice(0, 10).replaceAll('-', '')
    expect((await applyRetention(db.pool, KEEP)).partitions).toEqual([`attempts_p${day}`, `calls_p${day}`])
    expect([await exists('calls', gone.id), await exists('calls', kept.id)]).toEqual([false, true])
    expect(await rowsOf(db.pool, 'select id from posthorn.attempts where call_id is not null')).toEqual([
      { id: attempts[1]?.id },
    ])
  })

  it('removes approvals that are over, notifications and kept answers, each after its own term', async () => {
    const ago = (days: number) => new Date(Date.now() - days * DAY_MS)
    const approvals = new ApprovalRepository(db.pool)
    const approval = async (made: number, expires: number) => {
      const one = newApproval({ id: idAt(made), createdAt: ago(made), expiresAt: ago(expires) })
      await approvals.create(one)
      return one.id
    }
    const [expired, young, open, decided] = [
      await approval(92, 91),
      await approval(92, 89),
      await approval(92, -1),
      await approval(92, 91),
    ]
    await db.pool.query(
      `update posthorn.approvals set status = 'approved', decided_at = now() - interval '1 day' where id = $1`,
      [decided],
    )
    const notification = (days: number) => newNotification({ id: idAt(days), firstAt: ago(days) })
    const [told, recent] = [notification(91), notification(89)]
    await writeCalls(db.pool, callBatch({ notifications: [told, recent] }))
    const answers = new AnswerRepository(db.pool)
    await answers.set('over', { json: '1', answeredAtMs: Date.now() }, 0)
    await answers.set('kept', { json: '1', answeredAtMs: Date.now() }, DAY_MS)

    expect((await applyRetention(db.pool, KEEP)).rows).toMatchObject({
      approvals: 1,
      notifications: 1,
      kept_answers: 1,
    })
    expect(await exists('approvals', expired)).toBe(false)
    for (const id of [young, open, decided]) expect(await exists('approvals', id)).toBe(true)
    expect(await rowsOf(db.pool, 'select id from posthorn.notifications')).toEqual([{ id: recent.id }])
    expect(await rowsOf(db.pool, 'select key from posthorn.kept_answers')).toEqual([{ key: 'kept' }])
  })

  it('does its rows also while a long transaction keeps partitions from being dropped', async () => {
    const client = await db.pool.connect()
    await ensurePartitionFor(client, 'attempts', new Date(Date.now() - 41 * DAY_MS))
    await client.query('begin')
    await client.query('select count(*) from posthorn.attempts')
    const old = await oldDelivery(31)
    await finish()
    const report = await applyRetention(db.pool, KEEP)
    await client.query('commit')
    client.release()
    expect(report.partitions).toEqual([])
    expect(await exists('deliveries', old.id)).toBe(false)
  })
})
