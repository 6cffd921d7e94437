import { uuidv7 } from '@posthorn/core'
import { recordChanges } from '@posthorn/db'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clientOf } from './support/client.ts'
import { makeApp, startService, type TestService } from './support/service.ts'
import { openStream, type StreamClient, type StreamRequest } from './support/stream-client.ts'

const PATIENCE = { timeout: 30_000, interval: 20 }
/** a time as it is told */
const MOMENT = expect.stringMatching(/^\d{4}-.*Z$/)
const MINE = '00000000-0000-7000-8000-0000000000a1'
const THEIRS = '00000000-0000-7000-8000-0000000000a2'

let service: TestService
let key: string
const opened: StreamClient[] = []

beforeAll(async () => {
  service = await startService({ stream: { heartbeatMs: 50, slowAfterMs: 300 } })
  await makeApp(service.database, MINE)
  await makeApp(service.database, THEIRS)
  key = await service.key('read', MINE)
})
afterEach(() => {
  for (const stream of opened.splice(0)) stream.close()
})
afterAll(() => service.stop())

async function open(request: StreamRequest = {}, by = key, url = service.url): Promise<StreamClient> {
  const stream = await openStream(url, by, request)
  opened.push(stream)
  return stream
}

/** A stream that has begun. */
async function follow(request: StreamRequest = {}, by = key): Promise<StreamClient> {
  const stream = await open(request, by)
  await expect.poll(() => stream.of('connected').length, PATIENCE).toBe(1)
  return stream
}

/** Rows as something in the database would write them, large enough to be noticed where that matters. */
async function change(
  names: readonly (string | number)[],
  type = 'event',
  appId = MINE,
  size = 0,
): Promise<void> {
  await recordChanges(
    service.database.pool,
    names.map((name) => ({ appId, type, data: { name, ...(size > 0 && { filler: 'x'.repeat(size) }) } })),
  )
  service.posthorn.changed()
}
const names = (stream: StreamClient, type = 'event') => stream.of(type).map(({ name }) => name)

describe('a stream', () => {
  it('begins with `connected` and headers that keep proxies from gathering it', async () => {
    const stream = await follow()
    expect(stream.status).toBe(200)
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    expect(stream.headers['x-request-id']).toMatch(/^req_/)
    expect(stream.events[0]).toMatchObject({
      event: 'connected',
      data: { app: `app_${MINE.replaceAll('-', '')}`, types: null },
    })
    expect(stream.events[0]?.id).toMatch(/^\d+:\d+:/)
  })

  it('tells what happens, with its time, and only to the app it happens to', async () => {
    const [mine, theirs] = await Promise.all([follow(), follow({}, await service.key('read', THEIRS))])
    await change(['a', 'b'])
    await change(['c'], 'event', THEIRS)
    await expect.poll(() => names(mine), PATIENCE).toEqual(['a', 'b'])
    await expect.poll(() => names(theirs), PATIENCE).toEqual(['c'])
    expect(mine.of('event')[0]?.['at']).toMatch(/^\d{4}-.*Z$/)
  })

  it('tells only the types that are asked for', async () => {
    const stream = await follow({ path: '/api/v1/stream?types=circuit,message' })
    await change(['e'])
    await change(['m'], 'message')
    await change(['c'], 'circuit')
    await expect
      .poll(() => stream.events.map(({ event }) => event), PATIENCE)
      .toEqual(['connected', 'message', 'circuit'])
  })

  it('exists under its older name, with conversations alone', async () => {
    const stream = await follow({ path: '/api/conversations/stream' })
    await change(['m'], 'message')
    await change(['c'], 'conversation_update')
    await expect
      .poll(() => stream.events.map(({ event }) => event), PATIENCE)
      .toEqual(['connected', 'conversation_update'])
  })

  it('shows that it lives while nothing happens, and its place moves on', async () => {
    const stream = await follow()
    await expect.poll(() => stream.comments.length, PATIENCE).toBeGreaterThan(2)
    expect(stream.events).toHaveLength(1)
    expect(stream.lastId).not.toBe('')
  })

  it('is opened 500 times by one app and no more, also by those who come at once', async () => {
    const appId = await makeApp(service.database, uuidv7())
    const key = await service.key('read', appId)
    const all = await Promise.all(Array.from({ length: 510 }, () => openStream(service.url, key)))
    const statuses = Map.groupBy(all, ({ status }) => status)
    for (const stream of all) stream.close()
    expect([statuses.get(200)?.length, statuses.get(429)?.length]).toEqual([500, 10])
  })

  it('needs a key that reads', async () => {
    expect((await open({}, await service.key('ingest', MINE))).status).toBe(403)
    expect((await open({}, 'phk_none')).status).toBe(401)
    expect((await open({}, await service.key('operator', MINE))).status).toBe(200)
  })

  it('of another app is not for a key of one, and for a key of the platform it is', async () => {
    const headers = { 'x-posthorn-app': `app_${THEIRS.replaceAll('-', '')}` }
    expect((await open({ headers })).status).toBe(403)
    const stream = await follow({ headers }, await service.key('read'))
    await change(['x'], 'event', THEIRS)
    await expect.poll(() => names(stream), PATIENCE).toEqual(['x'])
  })

  it('refuses what it does not know, by name', async () => {
    const client = clientOf(service.url, key)
    expect((await client('/api/v1/stream?types=nothing')).problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'types[0]' }],
    })
    expect((await client('/api/v1/stream?typo=1')).problem()).toMatchObject({ errors: [{ path: 'typo' }] })
  })

  it('ends when its key is revoked', async () => {
    const created = await service.posthorn.keys.create({ name: 'short', role: 'read', appId: MINE })
    const stream = await follow({}, created.key)
    await service.posthorn.keys.revoke(created.id)
    await expect.poll(() => stream.of('closing'), PATIENCE).toMatchObject([{ reason: 'unauthorized' }])
    await stream.ended
  })
})

describe('coming back', () => {
  it.each(['header', 'query'] as const)('gives what was missed, each once, by the %s', async (by) => {
    const first = await follow()
    await change([1, 2, 3])
    await expect.poll(() => names(first), PATIENCE).toEqual([1, 2, 3])
    first.close()
    await change([4])
    const { id } = first.events.at(-2) ?? { id: '' }
    const request =
      by === 'header' ? { lastEventId: id } : { path: `/api/v1/stream?lastEventId=${encodeURIComponent(id)}` }
    const again = await follow(request)
    await change([5])
    await expect.poll(() => names(again), PATIENCE).toEqual([3, 4, 5])
  })

  it('finds what is committed late, whichever stream was open when', async () => {
    const late = await service.database.pool.connect()
    await late.query('begin')
    await recordChanges(late, [{ appId: MINE, type: 'event', data: { name: 'late' } }])
    const stream = await follow()
    await change(['early'])
    await expect.poll(() => names(stream), PATIENCE).toEqual(['early'])
    stream.close()
    const between = await follow({ lastEventId: stream.lastId })
    await late.query('commit')
    late.release()
    service.posthorn.changed()
    await expect.poll(() => names(between), PATIENCE).toEqual(['late'])
    between.close()
    const after = await follow({ lastEventId: between.lastId })
    const both = await follow({ lastEventId: stream.events[0]?.id ?? '' })
    await change(['next'])
    await expect.poll(() => names(after), PATIENCE).toEqual(['next'])
    await expect.poll(() => names(both).toSorted(), PATIENCE).toEqual(['early', 'late', 'next'])
  })

  it('from a place that nobody knows begins anew', async () => {
    const stream = await follow({ lastEventId: 'what is this' })
    await expect.poll(() => stream.of('reset'), PATIENCE).toEqual([{ at: MOMENT, reason: 'unknown' }])
    await change(['then'])
    await expect.poll(() => names(stream), PATIENCE).toEqual(['then'])
  })

  it('needs nothing told twice when a writer never rests and readers come and go', async () => {
    const start = await follow()
    const from = start.lastId
    let isWriting = true
    let written = 0
    const writing = (async () => {
      while (isWriting) {
        const from = written
        written += 1 + (from % 3)
        await change(Array.from({ length: written - from }, (_, at) => from + at))
      }
    })()
    const seen: unknown[] = []
    let place = from
    for (let turn = 0; turn < 12; turn += 1) {
      const stream = await follow({ lastEventId: place })
      await expect.poll(() => names(stream).length, PATIENCE).toBeGreaterThan(5 + turn)
      stream.close()
      await stream.ended
      seen.push(...names(stream))
      place = stream.lastId
    }
    isWriting = false
    await writing
    const last = await follow({ lastEventId: place })
    await expect.poll(() => seen.length + names(last).length, PATIENCE).toBe(written)
    expect([...seen, ...names(last)]).toEqual(Array.from({ length: written }, (_, at) => at))
  })
})

describe('a client that does not read', () => {
  it('is let go, is told why, holds up nobody, and goes on where it was', async () => {
    const slow = await follow()
    const quick = await follow()
    slow.pause()
    const count = 400
    // More than the network between them holds.
    for (let round = 0; round < 10; round += 1) {
      await change(
        Array.from({ length: count / 10 }, (_, at) => (round * count) / 10 + at),
        'event',
        MINE,
        50_000,
      )
    }
    await expect.poll(() => names(quick).length, PATIENCE).toBe(count)
    const metrics = async () => (await clientOf(service.url)('/metrics')).text
    await expect.poll(metrics, PATIENCE).toContain('posthorn_streams 1')
    slow.resume()
    await slow.ended
    expect(slow.of('closing')).toMatchObject([{ reason: 'slow' }])
    expect(names(slow).length).toBeLessThan(count)
    const again = await follow({ lastEventId: slow.lastId })
    await expect.poll(() => names(slow).length + names(again).length, PATIENCE).toBe(count)
    expect([...names(slow), ...names(again)]).toEqual(Array.from({ length: count }, (_, at) => at))
  })
})

describe('stopping', () => {
  it('ends streams with a last word, and does not wait for their clients', async () => {
    const other = await startService()
    const by = await other.key('read')
    const streams = await Promise.all(Array.from({ length: 5 }, () => open({}, by, other.url)))
    for (const stream of streams) await expect.poll(() => stream.of('connected').length, PATIENCE).toBe(1)
    streams[0]?.pause()
    await other.stop()
    for (const stream of streams.slice(1)) {
      await stream.ended
      expect(stream.of('closing')).toMatchObject([{ at: MOMENT, reason: 'shutdown' }])
      expect(stream.of('closing')[0]?.['retryMs']).toBeGreaterThan(0)
    }
  })

  it('answers with a problem where the database does not', async () => {
    const other = await startService()
    const by = await other.key('read')
    const first = await open({}, by, other.url)
    first.close()
    await other.posthorn.stop()
    expect((await open({}, by, other.url)).status).toBe(503)
    await other.app.close()
    await other.database.drop()
  })
})
