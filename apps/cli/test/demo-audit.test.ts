import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit } from '../demo/audit.ts'
import type { AcceptedEvent } from '../demo/publisher.ts'
import { Receiver } from '../demo/receiver.ts'
import { problems, report } from '../demo/report.ts'

describe('the audit of the demo', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase()
  })
  afterAll(() => db.drop())

  const event = (n: number, type = 'order.created'): AcceptedEvent => ({
    id: `evt_${String(n).padStart(32, '0')}`,
    type,
    deliveries: 1,
    acceptedAt: 1_000,
  })

  function receiver(...took: [event: AcceptedEvent, ...at: number[]][]): Receiver {
    const made = new Receiver({ name: 'r', eventTypes: ['order.*'], answer: () => ({ status: 200 }) })
    for (const [{ id }, ...acceptedAt] of took) {
      made.ledger.set(`dlv_${id}`, { eventId: id, requests: Math.max(1, acceptedAt.length), acceptedAt })
    }
    return made
  }
  const context = { refused: [], circuits: new Map(), seconds: 1 }

  it('finds nothing wrong when everything arrived, and counts repeats and latency', async () => {
    const accepted = [event(1), event(2), event(3, 'user.updated')].map((each) => ({
      ...each,
      deliveries: each.type === 'user.updated' ? 0 : 1,
    }))
    const found = await audit(db.pool, accepted, [receiver([event(1), 1_010], [event(2), 1_030, 2_000])])
    expect(found).toMatchObject({
      events: 3,
      deliveries: 2,
      owed: 2,
      delivered: 2,
      duplicates: 1,
      lost: 0,
      p95: 30,
    })
    expect(problems(found, [])).toEqual([])
    expect(report(found, context)).toMatch(/^lost +0$/m)
  })

  it('takes for lost what never came, or was only ever refused', async () => {
    const found = await audit(
      db.pool,
      [event(1), event(2), event(3)],
      [receiver([event(1), 1_010], [event(2)])],
    )
    expect(found).toMatchObject({ delivered: 1, lost: 2 })
    expect(problems(found, [])).toEqual(['2 deliveries were lost'])
  })

  it('takes a dead letter for what it is', async () => {
    const target = receiver()
    await db.pool.query(
      `insert into posthorn.endpoints (id, app_id, url, url_sha256, host, secrets, timeout_ms, connect_timeout_ms, retry, max_concurrency, circuit)
       values (gen_random_uuid(), gen_random_uuid(), $1, '', '', '', 1, 1, '{}', 1, '{}')`,
      [target.url],
    )
    await db.pool.query(
      `insert into posthorn.dead_letters (id, app_id, delivery_id, event_id, endpoint_id, reason, attempts)
       select gen_random_uuid(), app_id, gen_random_uuid(), $1, id, 'exhausted', 3 from posthorn.endpoints`,
      ['00000000-0000-0000-0000-000000000004'],
    )
    expect(await audit(db.pool, [event(4)], [target])).toMatchObject({
      delivered: 0,
      deadLettered: 1,
      lost: 0,
    })
  })

  it('notices when the service owes another number than it should', async () => {
    const found = await audit(db.pool, [{ ...event(1), deliveries: 0 }], [receiver([event(1), 1_010])])
    expect(problems(found, ['503 {}'])).toEqual([
      '1 events were refused, the first with 503 {}',
      'the service counted 0 deliveries where 1 are owed',
    ])
  })
})
