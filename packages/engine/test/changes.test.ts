import {
  currentSnapshot,
  cursorAt,
  DEFAULT_APP_ID,
  formatCursor,
  recordChanges,
  sweepChanges,
} from '@posthorn/db'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChangeBatch, Posthorn } from '../src/index.ts'
import { createWorld, PATIENCE, untilStatus, type World } from './support.ts'

const OTHER = '00000000-0000-7000-8000-0000000000bb'

let world: World
let posthorn: Posthorn
beforeAll(async () => {
  world = await createWorld()
  posthorn = world.open()
})
afterAll(() => world.close())

const write = (name: string, appId = DEFAULT_APP_ID) =>
  recordChanges(world.db.pool, [{ appId, type: 'test', data: { name } }])

/** Somebody who follows, and what they were given so far. */
function follower(options: { after?: string; types?: string[]; appId?: string; engine?: Posthorn } = {}) {
  const { engine = posthorn, appId = DEFAULT_APP_ID, types = ['test'], after } = options
  const end = new AbortController()
  const batches: ChangeBatch[] = []
  const ended = (async () => {
    const given = { types, signal: end.signal, ...(after !== undefined && { after }) }
    for await (const batch of engine.forApp(appId).changes.follow(given)) batches.push(batch)
  })()
  return {
    batches,
    ended,
    names: () =>
      batches.flatMap(({ changes }) =>
        changes.map(({ data }) => (JSON.parse(data) as { name: string }).name),
      ),
    ids: () => batches.flatMap(({ changes }) => changes.map(({ id }) => id)),
    begun: () => expect.poll(() => batches.length, PATIENCE).toBeGreaterThan(0),
    stop: async () => {
      end.abort()
      await ended
    },
  }
}

const place = async () => formatCursor(cursorAt(await currentSnapshot(world.db.pool)))

describe('following changes', () => {
  it('tells many followers of one app, and nobody of another', async () => {
    const mine = Array.from({ length: 20 }, () => follower())
    const foreign = follower({ appId: OTHER })
    await Promise.all([...mine, foreign].map((each) => each.begun()))
    await write('a')
    await write('theirs', OTHER)
    await write('b')
    for (const each of mine) await expect.poll(() => each.names(), PATIENCE).toEqual(['a', 'b'])
    await expect.poll(() => foreign.names(), PATIENCE).toEqual(['theirs'])
    await Promise.all([...mine, foreign].map((each) => each.stop()))
  })

  it('gives what was missed to whoever comes back, once, also what was committed late', async () => {
    const first = follower()
    await first.begun()
    const late = await world.db.pool.connect()
    await late.query('begin')
    await recordChanges(late, [{ appId: DEFAULT_APP_ID, type: 'test', data: { name: 'late' } }])
    await write('early')
    await expect.poll(() => first.names(), PATIENCE).toEqual(['early'])
    await first.stop()
    await late.query('commit')
    late.release()
    await write('missed')
    const again = follower({ after: first.ids().at(-1) ?? '' })
    await expect.poll(() => again.names(), PATIENCE).toEqual(['late', 'missed'])
    await write('live')
    await expect.poll(() => again.names(), PATIENCE).toEqual(['late', 'missed', 'live'])
    await again.stop()
  })

  it('goes on behind any change of a large transaction, and page by page', async () => {
    const start = await place()
    const names = Array.from({ length: 1_203 }, (_, at) => String(at))
    await recordChanges(
      world.db.pool,
      names.map((name) => ({ appId: DEFAULT_APP_ID, type: 'test', data: { name } })),
    )
    const whole = follower({ after: start })
    await expect.poll(() => whole.names().length, PATIENCE).toBe(names.length)
    expect(whole.names()).toEqual(names)
    for (const at of [0, 499, 500, 777, 1_201]) {
      const rest = follower({ after: whole.ids()[at] ?? '' })
      await expect.poll(() => rest.names().at(-1), PATIENCE).toBe('1202')
      expect(rest.names()).toEqual(names.slice(at + 1))
      await rest.stop()
    }
    await whole.stop()
  })

  it('waits for a place that another process knows already, and gives nothing of before it', async () => {
    const other = world.open({ pollIntervalMs: 60_000, listen: false })
    const waiting = follower({ engine: other })
    await waiting.begun()
    await write('before')
    const ahead = await place()
    await write('after')
    const moved = follower({ engine: other, after: ahead })
    await expect.poll(() => moved.names(), PATIENCE).toEqual(['after'])
    expect(moved.batches.some(({ reset }) => reset !== null)).toBe(false)
    await Promise.all([waiting.stop(), moved.stop()])
  })

  it.each(['', 'nonsense', '1:2:3', '999999999999:999999999999:'])(
    'begins anew at the place %j',
    async (after) => {
      const anew = follower({ after })
      await expect.poll(() => anew.batches.some(({ reset }) => reset === 'unknown'), PATIENCE).toBe(true)
      await write('next')
      await expect.poll(() => anew.names(), PATIENCE).toEqual(['next'])
      await anew.stop()
    },
  )

  it('begins anew where what was missed is no longer kept, and goes on where it is', async () => {
    const before = await place()
    await write('old')
    const after = await place()
    await sweepChanges(world.db.pool)
    await expect.poll(() => sweepChanges(world.db.pool, 1), PATIENCE).toBeGreaterThan(0)
    const [late, good] = [follower({ after: before }), follower({ after })]
    await expect.poll(() => late.batches.some(({ reset }) => reset === 'expired'), PATIENCE).toBe(true)
    await write('new')
    await expect.poll(() => late.names(), PATIENCE).toEqual(['new'])
    await expect.poll(() => good.names(), PATIENCE).toEqual(['new'])
    expect(good.batches.every(({ reset }) => reset === null)).toBe(true)
    await Promise.all([late.stop(), good.stop()])
  })

  it('ends when the engine stops', async () => {
    const engine = world.open()
    const last = follower({ engine })
    await last.begun()
    await engine.stop()
    await last.ended
  })

  it('polls where it cannot listen', async () => {
    const engine = world.open({ listen: false })
    const polling = follower({ engine })
    await polling.begun()
    await write('polled')
    await expect.poll(() => polling.names(), PATIENCE).toEqual(['polled'])
    await polling.stop()
  })
})

describe('what is announced', () => {
  it('events and deliveries as counts, dead letters and circuits one by one', async () => {
    const { receiver } = world
    const endpoint = await posthorn.endpoints.create({
      url: receiver.url('/broken'),
      eventTypes: ['order.*'],
      retry: [],
      circuit: { failureThreshold: 1 },
    })
    const watching = follower({ types: ['events', 'deliveries', 'dead_letter', 'circuit'] })
    await watching.begun()
    const told = (type: string) =>
      watching.batches.flatMap(({ changes }) =>
        changes
          .filter((change) => change.type === type)
          .map(({ data }) => JSON.parse(data) as Record<string, unknown>),
      )
    receiver.route('/broken', [{ status: 500 }])
    const { deliveryIds } = await posthorn.publish({ type: 'order.created', payload: {} })
    await posthorn.runOnce()
    await untilStatus(posthorn, deliveryIds[0], 'failed')
    await expect.poll(() => told('events'), PATIENCE).toEqual([{ published: 1 }])
    await expect.poll(() => told('deliveries'), PATIENCE).toEqual([{ failed: 1 }])
    await expect
      .poll(() => told('dead_letter'), PATIENCE)
      .toMatchObject([
        { state: 'open', reason: 'exhausted', deliveryId: deliveryIds[0], endpointId: endpoint.id },
      ])
    await expect
      .poll(() => told('circuit'), PATIENCE)
      .toMatchObject([{ endpointId: endpoint.id, from: 'closed', to: 'open' }])
    await posthorn.deliveries.retry(deliveryIds[0] ?? '')
    await expect
      .poll(() => told('dead_letter'), PATIENCE)
      .toMatchObject([{ state: 'open' }, { state: 'requeued' }])
    await watching.stop()
  })
})
