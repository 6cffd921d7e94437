import { formatId, uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { announced, newApproval } from '../../test/call-support.ts'
import { count } from '../../test/support.ts'
import { inTransaction } from '../database.ts'
import { DEFAULT_APP_ID } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import type { ApprovalDecision } from './approval.ts'
import { ApprovalRepository } from './approval-repository.ts'

describe('approvals', () => {
  let db: TestDatabase
  let approvals: ApprovalRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    approvals = new ApprovalRepository(db.pool)
  })
  afterAll(() => db.drop())

  const decide = (id: string, decision: ApprovalDecision, appId: string | null = null) =>
    inTransaction(db.pool, (client) => approvals.decide(client, appId, id, decision))
  const about = async (id: string, appId?: string) =>
    (await announced(db.pool, 'approval', appId)).filter((change) => change.id === formatId('apr', id))
  const over = () => new Date(Date.now() - 1_000)

  it('are taken once when their term has passed, by one of those who ask, and announced as expired', async () => {
    const taking = new ApprovalRepository(db.pool)
    const take = (more: () => Promise<unknown> = async () => {}) =>
      inTransaction(db.pool, async (client) => {
        const taken = await taking.takeExpired(client, 10)
        await more()
        for (const { id } of taken) await taking.setEvent(client, id, uuidv7())
        return taken.map(({ id, status }) => ({ id, status }))
      })
    const gone = newApproval({ appId: uuidv7(), expiresAt: over() })
    const [first, second] = [newApproval({ expiresAt: over() }), newApproval({ expiresAt: over() })]
    for (const approval of [gone, first, second, newApproval()]) await approvals.create(approval)
    await inTransaction(db.pool, (client) => approvals.setEvent(client, first.id, uuidv7()))
    let beside: unknown
    const taken = await take(async () => {
      beside = await take()
    })
    expect([taken, beside]).toEqual([[{ id: second.id, status: 'expired' }], []])
    expect(await take()).toEqual([])
    expect(await about(second.id)).toMatchObject([{ status: 'expired' }, { status: 'expired' }])
  })

  it('come back as they were put in, whatever texts are in them', async () => {
    const given = newApproval({
      payloadText: '{"a":1.0,"b":"\\u0000\\ud800","a":2}',
      context: { roomId: 'r', odd: '\0 \ud800 ✓', nested: [{ n: 1 }] },
    })
    await approvals.create(given)
    expect(await approvals.get(null, given.id)).toEqual({
      ...given,
      status: 'pending',
      decidedAt: null,
      decidedBy: null,
      note: null,
      eventId: null,
    })
  })

  it('are made and announced once, to their app and to the platform', async () => {
    const given = newApproval({ appId: uuidv7(), context: { roomId: 'room\0' } })
    await approvals.create(given)
    await approvals.create(given)
    const change = {
      id: formatId('apr', given.id),
      appId: formatId('app', given.appId),
      capability: given.capability,
      status: 'pending',
      roomId: 'room\uFFFD',
      expiresAt: given.expiresAt.toISOString(),
    }
    expect(await about(given.id)).toEqual([change])
    expect(await about(given.id, given.appId)).toEqual([change])
  })

  it('are decided once; the same decision again changes nothing and is not announced again', async () => {
    const given = newApproval()
    await approvals.create(given)
    const first = await decide(given.id, { decision: 'approved', by: 'ann', note: 'fine' })
    expect(first).toMatchObject({
      changed: true,
      approval: { status: 'approved', decidedBy: 'ann', note: 'fine' },
    })
    const again = await decide(given.id, { decision: 'approved', by: 'bob' })
    expect(again).toEqual({ changed: false, approval: first.approval })
    await expect(decide(given.id, { decision: 'rejected', by: 'bob' })).rejects.toMatchObject({
      code: 'conflict',
      message: 'The approval is approved already.',
    })
    expect((await about(given.id)).map(({ status }) => status)).toEqual(['pending', 'approved'])
  })

  it('are decided by one of many that decide differently at once', async () => {
    const given = newApproval()
    await approvals.create(given)
    const decisions = ['approved', 'rejected', 'approved', 'rejected', 'approved', 'rejected'] as const
    const settled = await Promise.allSettled(
      decisions.map((decision, n) => decide(given.id, { decision, by: `person-${n}` })),
    )
    const changed = settled.flatMap((one) =>
      one.status === 'fulfilled' && one.value.changed ? [one.value.approval] : [],
    )
    expect(changed).toHaveLength(1)
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(3)
    expect(await approvals.get(null, given.id)).toEqual(changed[0])
  })

  it('cannot be decided when their term is over, and say so themselves', async () => {
    const given = newApproval({ expiresAt: over() })
    await approvals.create(given)
    expect(await approvals.get(null, given.id)).toMatchObject({ status: 'expired', decidedAt: null })
    await expect(decide(given.id, { decision: 'approved', by: 'ann' })).rejects.toMatchObject({
      code: 'conflict',
      message: 'The approval is expired already.',
    })
    expect(await count(db.pool, 'approvals', `id = '${given.id}' and status = 'pending'`)).toBe(1)
  })

  it('stay decided when their term is over', async () => {
    const given = newApproval()
    await approvals.create(given)
    await decide(given.id, { decision: 'rejected', by: 'ann' })
    await db.pool.query('update posthorn.approvals set expires_at = $2 where id = $1', [given.id, over()])
    expect(await approvals.get(null, given.id)).toMatchObject({ status: 'rejected' })
  })

  it('are decided with their event, or not at all', async () => {
    const given = newApproval()
    await approvals.create(given)
    const eventId = uuidv7()
    const work = inTransaction(db.pool, async (client) => {
      await approvals.decide(client, null, given.id, { decision: 'approved', by: 'ann' })
      await approvals.setEvent(client, given.id, eventId)
      throw new Error('the event was refused')
    })
    await expect(work).rejects.toThrow('the event was refused')
    expect(await approvals.get(null, given.id)).toMatchObject({ status: 'pending', eventId: null })
    expect(await about(given.id)).toHaveLength(1)
    await inTransaction(db.pool, async (client) => {
      await approvals.decide(client, null, given.id, { decision: 'approved', by: 'ann' })
      await approvals.setEvent(client, given.id, eventId)
    })
    expect(await approvals.get(null, given.id)).toMatchObject({ status: 'approved', eventId })
  })

  it('belong to their app alone', async () => {
    const given = newApproval()
    await approvals.create(given)
    const stranger = uuidv7()
    expect(await approvals.get(stranger, given.id)).toBeUndefined()
    await expect(decide(given.id, { decision: 'approved', by: 'eve' }, stranger)).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(decide(uuidv7(), { decision: 'approved', by: 'eve' })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect((await approvals.list(stranger, {}, {})).data).toEqual([])
    expect(await approvals.get(DEFAULT_APP_ID, given.id)).toMatchObject({ status: 'pending' })
  })

  it('are listed by app, status and capability, newest first, page by page', async () => {
    const appId = uuidv7()
    const [expired, pending, other, rejected] = [
      newApproval({ appId, expiresAt: over() }),
      newApproval({ appId }),
      newApproval({ appId, capability: 'other' }),
      newApproval({ appId }),
    ]
    for (const each of [expired, pending, other, rejected]) await approvals.create(each)
    await decide(rejected.id, { decision: 'rejected', by: 'ann' })
    const list = async (filter: Parameters<ApprovalRepository['list']>[1], scope: string | null = appId) =>
      (await approvals.list(scope, filter, {})).data.map(({ id }) => id)
    expect(await list({})).toEqual([rejected.id, other.id, pending.id, expired.id])
    expect(await list({ status: 'pending' })).toEqual([other.id, pending.id])
    expect(await list({ status: 'pending', capability: 'other' })).toEqual([other.id])
    expect(await list({ status: 'expired' })).toEqual([expired.id])
    expect(await list({ status: 'rejected' })).toEqual([rejected.id])
    expect(await list({ status: 'approved' })).toEqual([])
    expect((await list({ status: 'pending' }, null)).slice(0, 2)).toEqual([other.id, pending.id])
    const first = await approvals.list(appId, {}, { limit: 3 })
    expect(first.data.map(({ id }) => id)).toEqual([rejected.id, other.id, pending.id])
    const second = await approvals.list(appId, {}, { limit: 3, cursor: first.next ?? '' })
    expect(second.data.map(({ id }) => id)).toEqual([expired.id])
    expect(second.next).toBeNull()
    const back = await approvals.list(appId, {}, { limit: 3, cursor: second.prev ?? '' })
    expect(back.data).toEqual(first.data)
  })
})
