import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, clientOf } from './support/client.ts'
import { type MadeApp, makeCallable } from './support/manifest.ts'
import { startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'
import { openStream, type StreamClient } from './support/stream-client.ts'

const PATIENCE = { timeout: 30_000, interval: 50 }
const PATH = '/api/v1/notifications'

interface Shown {
  id: string
  appId: string
  roomId: string
  count: number
  callId: string
  readAt: string | null
  readBy: string | null
}

let service: TestService
let admin: Client
let operator: Client
let made: MadeApp

beforeAll(async () => {
  // Each call is to have the same reason, however many come before it.
  service = await startService({ env: { CIRCUIT_BREAKER_ENABLED: 'false' } })
  admin = clientOf(service.url, await service.key('admin'))
  operator = clientOf(service.url, await service.key('operator'))
  made = await makeBroken()
})
afterAll(() => service.stop())

/** An app that is not there. */
async function makeBroken(): Promise<MadeApp> {
  const receiver = await startReceiver()
  await receiver[Symbol.asyncDispose]()
  return makeCallable(admin, { quiz_answer: receiver.url, tax: receiver.url })
}
const callFrom = async (room: string, of = made, capability = 'quiz_answer') => {
  const json = { payload: 1, context: { roomId: room } }
  const answer = await admin(`/api/v1/apps/${of.id}/capabilities/${capability}/call`, { json })
  expect(answer.json()).toMatchObject({ outcome: 'fallback' })
  return answer.json<{ callId: string }>().callId
}
const shown = async (query: string, client = admin) =>
  (await client(`${PATH}${query}`)).json<{ data: Shown[] }>().data
const follow = async (path: string, key: string): Promise<StreamClient> => {
  const stream = await openStream(service.url, key, { path })
  await expect.poll(() => stream.of('connected').length, PATIENCE).toBe(1)
  return stream
}

describe('notifications', () => {
  it('of a burst in one room are one, with a count; other rooms and capabilities have their own', async () => {
    const calls = await Promise.all(Array.from({ length: 5 }, () => callFrom('burst')))
    await callFrom('elsewhere')
    await callFrom('burst', made, 'tax')
    const inRoom = () => shown('?room=burst')
    await expect.poll(async () => (await inRoom()).map(({ count }) => count).sort(), PATIENCE).toEqual([1, 5])
    const [, burst] = (await inRoom()).toSorted((a, b) => a.count - b.count)
    expect(burst).toMatchObject({
      appId: made.id,
      capability: 'quiz_answer',
      roomId: 'burst',
      reason: 'connection',
      strategy: 'static',
      readAt: null,
    })
    expect(calls).toContain(burst?.callId)
  })

  it('are marked as read, one or a room, and are unread again when something is added', async () => {
    await callFrom('reading')
    await expect.poll(() => shown('?room=reading'), PATIENCE).toHaveLength(1)
    const [one] = await shown('?room=reading')
    const marked = await operator(`${PATH}/${one?.id}/read`, { method: 'POST' })
    expect(marked.json()).toMatchObject({ id: one?.id, readBy: 'key:a operator', readAt: expect.any(String) })
    expect(await shown('?room=reading&unread=true')).toEqual([])
    expect(await shown('?room=reading&unread=false')).toHaveLength(1)
    await callFrom('reading')
    await expect.poll(() => shown('?room=reading&unread=true'), PATIENCE).toMatchObject([{ count: 2 }])
    const before = { room: 'reading', until: '2020-01-01T00:00:00Z' }
    expect((await operator(`${PATH}/read`, { json: before })).json()).toEqual({ marked: 0 })
    expect((await operator(`${PATH}/read`, { json: { room: 'reading' } })).json()).toEqual({ marked: 1 })
    expect((await operator(`${PATH}/read`, { json: { room: 'reading' } })).json()).toEqual({ marked: 0 })
  })

  it('come to those who follow the room, of every app for the platform, and to nobody else', async () => {
    const other = await makeBroken()
    const [room, own, wrong] = await Promise.all([
      follow('/api/v1/stream?room=hall', await service.key('read')),
      follow('/api/v1/stream?types=notification', await service.key('read', made.uuid)),
      follow('/api/v1/stream?room=attic', await service.key('read')),
    ])
    await callFrom('hall')
    await expect.poll(() => room.of('notification').length, PATIENCE).toBe(1)
    await callFrom('hall', other)
    await expect
      .poll(() => room.of('notification').map(({ appId }) => appId), PATIENCE)
      .toEqual([made.id, other.id])
    expect(room.of('notification')[0]).toMatchObject({ roomId: 'hall', count: 1, reason: 'connection' })
    expect(own.of('notification').map(({ appId }) => appId)).toEqual([made.id])
    await callFrom('attic')
    await expect.poll(() => wrong.of('notification').length, PATIENCE).toBe(1)
    expect(wrong.of('notification')).toMatchObject([{ roomId: 'attic' }])
    for (const stream of [room, own, wrong]) stream.close()
  })

  it('are of its own app for a key of one, with and without a room', async () => {
    const other = await makeBroken()
    await callFrom('shared')
    await callFrom('shared', other)
    await expect.poll(() => shown('?room=shared'), PATIENCE).toHaveLength(2)
    const own = clientOf(service.url, await service.key('operator', other.uuid))
    const mine = await shown('?room=shared', own)
    expect(mine.map(({ appId }) => appId)).toEqual([other.id])
    const theirs = (await shown('?room=shared')).find(({ appId }) => appId === made.id)
    expect((await own(`${PATH}/${theirs?.id}/read`, { method: 'POST' })).status).toBe(404)
    expect((await own(`${PATH}/read`, { json: { room: 'shared' } })).json()).toEqual({ marked: 1 })
    expect(await shown('?room=shared&unread=true')).toMatchObject([{ appId: made.id }])
  })

  it.each([
    ['?unread=yes', 'unread'],
    ['?room=', 'room'],
    ['?cursor=x', 'cursor'],
    ['?since=1', 'since'],
  ])('refuse the query %s', async (query, path) => {
    expect((await admin(`${PATH}${query}`)).problem()).toMatchObject({ status: 422, errors: [{ path }] })
  })

  it.each<[object, string]>([
    [{}, 'room'],
    [{ room: 'a', until: 'now' }, 'until'],
    [{ room: 'a', ids: [] }, 'ids'],
  ])('refuse to be marked by %j', async (json, path) => {
    const problem = (await operator(`${PATH}/read`, { json })).problem()
    expect(problem).toMatchObject({ status: 422, errors: [{ path }] })
  })
})
