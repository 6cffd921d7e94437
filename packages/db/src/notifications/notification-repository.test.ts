import { formatId, uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { announced, callBatch, newNotification } from '../../test/call-support.ts'
import { rowsOf } from '../../test/support.ts'
import { writeCalls } from '../calls/write-calls.ts'
import { DEFAULT_APP_ID } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import type { NewNotification } from './notification.ts'
import { NotificationRepository } from './notification-repository.ts'

describe('notifications', () => {
  let db: TestDatabase
  let notifications: NotificationRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    notifications = new NotificationRepository(db.pool)
  })
  afterAll(() => db.drop())

  const write = (added: readonly NewNotification[], workerId = 'ingest-1') =>
    writeCalls(db.pool, callBatch({ notifications: added, workerId }))
  const newRoom = () => `room-${uuidv7()}`
  const inRoom = async (roomId: string) => (await notifications.list(null, { roomId }, {})).data

  it('come back as they were written, and are announced to their app and to the platform', async () => {
    const roomId = newRoom()
    const given = newNotification({ roomId, count: 7, appId: uuidv7() })
    await write([given])
    expect(await inRoom(roomId)).toEqual([{ ...given, readAt: null, readBy: null }])
    const change = {
      ...given,
      id: formatId('ntf', given.id),
      appId: formatId('app', given.appId),
      callId: formatId('call', given.callId),
      firstAt: given.firstAt.toISOString(),
      lastAt: given.lastAt.toISOString(),
    }
    expect(await announced(db.pool, 'notification', given.appId)).toEqual([change])
    expect(await announced(db.pool, 'notification')).toContainEqual(change)
  })

  it('grow, become unread again, and are announced with what they have become', async () => {
    const appId = uuidv7()
    const roomId = newRoom()
    const [first, second] = [newNotification({ roomId, appId }), newNotification({ roomId, appId, count: 2 })]
    await write([first])
    expect(await notifications.markRead(appId, { ids: [first.id] }, 'ann')).toBe(1)
    expect(await inRoom(roomId)).toMatchObject([{ readAt: expect.any(Date), readBy: 'ann' }])
    await write([second], 'ingest-2')
    expect(await inRoom(roomId)).toMatchObject([
      { id: first.id, count: 3, callId: second.callId, readAt: null, readBy: null },
    ])
    expect((await announced(db.pool, 'notification', appId)).map(({ id, count }) => [id, count])).toEqual([
      [formatId('ntf', first.id), 1],
      [formatId('ntf', first.id), 3],
    ])
  })

  it('handed over again stay read and are not announced again', async () => {
    const appId = uuidv7()
    const given = newNotification({ roomId: newRoom(), appId })
    await write([given])
    await notifications.markRead(appId, { ids: [given.id] }, 'ann')
    await write([given])
    expect(await notifications.list(appId, { unread: true }, {})).toMatchObject({ data: [] })
    expect(await announced(db.pool, 'notification', appId)).toHaveLength(1)
  })

  it('of no room are folded too, and an empty name is a room', async () => {
    const appId = uuidv7()
    await write([newNotification({ roomId: null, appId })], 'a')
    await write([newNotification({ roomId: null, appId })], 'b')
    await write([newNotification({ roomId: '', appId })], 'a')
    const { data } = await notifications.list(appId, {}, {})
    expect(data.map(({ roomId, count }) => [roomId, count])).toEqual([
      ['', 1],
      [null, 2],
    ])
  })

  it('take room names that PostgreSQL does not, and are found by them', async () => {
    const appId = uuidv7()
    await write([newNotification({ roomId: 'a\0b\ud800', appId })])
    expect(await notifications.list(appId, { roomId: 'a\0b\ud800' }, {})).toMatchObject({
      data: [{ roomId: 'a\uFFFDb\uFFFD' }],
    })
    expect(await notifications.markRead(appId, { roomId: 'a\0b\ud800', until: new Date() }, 'ann')).toBe(1)
  })

  it('begin anew where the last of their kind is too long ago', async () => {
    const roomId = newRoom()
    const ago = (ms: number) => new Date(Date.now() - ms)
    await write([newNotification({ roomId, firstAt: ago(62_000) })])
    await write([newNotification({ roomId, firstAt: ago(0) })])
    expect(await inRoom(roomId)).toMatchObject([{ count: 1 }, { count: 1 }])
  })

  it('lose no call and do not deadlock when many write and read them at once', async () => {
    const rooms = Array.from({ length: 6 }, newRoom)
    const rounds = 12
    const writer = async (workerId: string, order: readonly string[]) => {
      for (let round = 0; round < rounds; round++) {
        const batch = order.map((roomId) => newNotification({ roomId, count: 2 }))
        await write(batch, workerId)
        // Every other batch is handed over again, as after a commit that was not confirmed.
        if (round % 2 === 1) await write(batch, workerId)
      }
    }
    const reader = async () => {
      for (let round = 0; round < rounds; round++) {
        const { data } = await notifications.list(null, { unread: true }, {})
        await notifications.markRead(null, { ids: data.map(({ id }) => id) }, 'ann')
      }
    }
    await Promise.all([
      writer('w1', rooms),
      writer('w2', rooms.toReversed()),
      writer('w3', [...rooms.slice(3), ...rooms.slice(0, 3)]),
      writer('w4', rooms.toReversed()),
      reader(),
      reader(),
    ])
    for (const roomId of rooms) expect(await inRoom(roomId)).toMatchObject([{ count: 4 * rounds * 2 }])
  })

  it('are marked as read up to a moment, once, in one room', async () => {
    const [roomId, other] = [newRoom(), newRoom()]
    const early = newNotification({ roomId, firstAt: new Date(Date.now() - 10_000) })
    const late = newNotification({ roomId, capability: 'other' })
    await write([early, late, newNotification({ roomId: other })])
    const until = new Date(Date.now() - 5_000)
    expect(await notifications.markRead(uuidv7(), { roomId, until }, 'eve')).toBe(0)
    expect(await notifications.markRead(null, { roomId, until }, 'ann')).toBe(1)
    expect(await notifications.markRead(null, { roomId, until }, 'bob')).toBe(0)
    expect(await inRoom(roomId)).toMatchObject([
      { id: late.id, readAt: null },
      { id: early.id, readBy: 'ann' },
    ])
    expect(await notifications.list(null, { roomId, unread: true }, {})).toMatchObject({
      data: [{ id: late.id }],
    })
    expect(await notifications.list(null, { roomId, unread: false }, {})).toMatchObject({
      data: [{ id: early.id }],
    })
    expect(await inRoom(other)).toMatchObject([{ readAt: null }])
    expect(await notifications.markRead(null, { ids: [] }, 'ann')).toBe(0)
  })

  it('belong to their app alone, and come page by page', async () => {
    const appId = uuidv7()
    const given = Array.from({ length: 5 }, (_, n) =>
      newNotification({ appId, roomId: null, capability: `c${n}` }),
    )
    await write(given)
    const ids = given.map(({ id }) => id).reverse()
    const first = await notifications.list(appId, {}, { limit: 3 })
    const second = await notifications.list(appId, {}, { limit: 3, cursor: first.next ?? '' })
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids)
    expect(await notifications.markRead(DEFAULT_APP_ID, { ids }, 'eve')).toBe(0)
    expect(
      await rowsOf(db.pool, 'select id from posthorn.notifications where read_by = $1', ['eve']),
    ).toEqual([])
  })
})
