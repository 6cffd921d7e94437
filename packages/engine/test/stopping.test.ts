import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import {
  createWorld,
  gate,
  keepingLogger,
  PATIENCE,
  queued,
  untilQueueEmpty,
  untilStatus,
  type World,
} from './support.ts'

describe('stopping', () => {
  let world: World
  let author: Posthorn
  beforeEach(async () => {
    world = await createWorld()
    author = world.open()
  })
  afterEach(() => world.close())

  const owe = async (n: number, input = {}) => {
    await author.endpoints.create({
      url: world.receiver.url('/'),
      eventTypes: ['a'],
      maxConcurrency: 512,
      ...input,
    })
    const answers = await author.publishMany(
      Array.from({ length: n }, (_, at) => ({ type: 'a', payload: at })),
    )
    return answers.flatMap((answer) => (answer.ok ? answer.value.deliveryIds : []))
  }
  const attemptsBurnt = async () => {
    const { rows } = await world.db.pool.query(
      'select coalesce(sum(attempt_count), 0)::int as n, coalesce(sum(claim_count), 0)::int as claims from posthorn.delivery_queue',
    )
    return rows[0]
  }

  it('hands back what is under way when the grace period is over, with no attempt burnt', async () => {
    world.receiver.fallback({ hang: true })
    const worker = world.open({ concurrency: 8 })
    const ids = await owe(30)
    await worker.start()
    await world.receiver.waitFor(8)
    await worker.stop({ graceMs: 600 })
    expect(await queued(world.db, 'processing')).toBe(0)
    expect(await queued(world.db, 'pending')).toBe(30)
    expect(await attemptsBurnt()).toEqual({ n: 0, claims: 0 })
    // And somebody else delivers all of it at once.
    world.receiver.fallback({})
    await world.open().start()
    await untilQueueEmpty(world.db)
    for (const id of ids) expect(world.receiver.acceptedTimes(id)).toBe(1)
  })

  it('waits for what ends within the grace period, and takes nothing new', async () => {
    const go = gate()
    world.receiver.fallback(async () => {
      await go.opened
      return {}
    })
    const worker = world.open({ concurrency: 4 })
    await owe(20)
    await worker.start()
    await world.receiver.waitFor(4)
    const stopped = worker.stop({ graceMs: 60_000 })
    go.open()
    await stopped
    expect(await queued(world.db, 'processing')).toBe(0)
    expect(await queued(world.db, 'pending')).toBe(16)
    expect(world.receiver.received()).toHaveLength(4)
    expect(worker.stats).toMatchObject({ inFlight: 0, settled: { delivered: 4 } })
  })

  it('leaves nothing claimed, whenever it comes', async () => {
    world.receiver.fallback({ delayMs: 2 })
    await owe(400)
    for (let turn = 0; turn < 12; turn += 1) {
      const worker = world.open({ concurrency: 16 })
      const started = worker.start()
      for (let wait = 0; wait < turn * 3; wait += 1) await new Promise((resolve) => setImmediate(resolve))
      await worker.stop({ graceMs: 20_000 })
      await started
      expect(await queued(world.db, 'processing')).toBe(0)
    }
    expect(await attemptsBurnt()).toEqual({ n: 0, claims: 0 })
    expect(world.receiver.duplicates()).toEqual([])
  })

  it('may be asked for twice, at once and again, and before anything began', async () => {
    const worker = world.open()
    await worker.start()
    await Promise.all([worker.stop(), worker.stop({ graceMs: 0 })])
    await worker.stop()
    await world.open().stop()
  })

  it('with no grace at all ends at once, and hands back', async () => {
    world.receiver.fallback({ hang: true })
    const worker = world.open()
    await owe(5)
    await worker.start()
    await world.receiver.waitFor(5)
    await worker.stop({ graceMs: 0 })
    expect(await queued(world.db, 'processing')).toBe(0)
    expect(await attemptsBurnt()).toMatchObject({ n: 0 })
  })
})

describe('listeners', () => {
  it('that throw, or whose promise is rejected, stop nothing', async () => {
    await using world = await createWorld()
    const logger = keepingLogger()
    const posthorn = world.open({ logger })
    const heard: string[] = []
    posthorn.on('delivered', () => {
      throw new Error('first')
    })
    posthorn.on('delivered', async () => {
      await Promise.reject(new Error('second'))
    })
    const subscription = posthorn.on('delivered', ({ deliveryId }) => void heard.push(deliveryId))
    await posthorn.endpoints.create({ url: world.receiver.url('/'), eventTypes: ['a'] })
    await posthorn.start()
    const publish = async () => (await posthorn.publish({ type: 'a', payload: 1 })).deliveryIds[0] ?? ''
    const ids = [await publish(), await publish()]
    for (const id of ids) await untilStatus(posthorn, id, 'delivered')
    await expect.poll(() => heard.toSorted(), PATIENCE).toEqual(ids.toSorted())
    await expect
      .poll(() => logger.lines.filter(({ message }) => message === 'a listener threw').length, PATIENCE)
      .toBe(4)
    subscription[Symbol.dispose]()
    await untilStatus(posthorn, await publish(), 'delivered')
    expect(heard).toHaveLength(2)
    expect(posthorn.stats).toMatchObject({ flushErrors: 0, settled: { delivered: 3 } })
  })
})
