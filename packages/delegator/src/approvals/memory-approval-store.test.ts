import { uuidv7 } from '@posthorn/core'
import { describe, expect, it } from 'vitest'
import { VirtualTime } from '../../test/virtual-time.ts'
import type { PendingApproval } from './approval-store.ts'
import { MemoryApprovalStore } from './memory-approval-store.ts'

function storeWith(expiresInMs = 1_000, max?: number) {
  const clock = new VirtualTime()
  const store = new MemoryApprovalStore({ clock, ...(max !== undefined && { max }) })
  const create = async () => {
    const approval: PendingApproval = {
      id: uuidv7(),
      callId: uuidv7(),
      appId: 'app',
      capability: 'participant_registration',
      payloadText: '{"name":"Ada"}',
      context: { roomId: 'r1' },
      createdAt: new Date(clock.now()),
      expiresAt: new Date(clock.now() + expiresInMs),
    }
    await store.create(approval)
    return approval
  }
  return { clock, store, create }
}

describe('MemoryApprovalStore', () => {
  it('keeps an approval until somebody decides it, once', async () => {
    const { clock, store, create } = storeWith()
    const approval = await create()
    expect(store.get(approval.id)).toEqual({ ...approval, status: 'pending' })
    clock.advance(10)
    const decided = store.decide(approval.id, 'approved')
    expect(decided).toEqual({ ...approval, status: 'approved', decidedAt: new Date(clock.now()) })
    clock.advance(10)
    expect(store.decide(approval.id, 'approved')).toEqual(decided)
    expect(() => store.decide(approval.id, 'rejected')).toThrow('is approved')
    expect(store.list('pending')).toEqual([])
    expect(store.list()).toEqual([decided])
  })

  it('lets nobody decide what has expired, and keeps what was decided in time', async () => {
    const { clock, store, create } = storeWith()
    const late = await create()
    const early = await create()
    store.decide(early.id, 'rejected')
    clock.advance(1_000)
    expect(store.list('expired').map(({ id }) => id)).toEqual([late.id])
    expect(() => store.decide(late.id, 'approved')).toThrow('is expired')
    expect(store.get(early.id)?.status).toBe('rejected')
  })

  it('does not know what was never there, or what gave way', async () => {
    const { store, create } = storeWith(1_000, 1)
    expect(() => store.decide('nobody', 'approved')).toThrow('there is no approval')
    const first = await create()
    await create()
    expect(store.get(first.id)).toBeUndefined()
    expect(store.list()).toHaveLength(1)
  })
})
