import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import { count, createWorld, type World } from './support.ts'

const order = { type: 'order.created', payload: { a: 1 } }

describe('a caller who holds a keyed transaction open', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
  })
  afterAll(() => world.close())

  const holding = async (requestId: string) => {
    const client = await world.db.pool.connect()
    await client.query('begin')
    const accepted = await posthorn.publish({ ...order, requestId }, { tx: client })
    return {
      accepted,
      end: async (how: 'commit' | 'rollback') => {
        await client.query(how)
        client.release()
      },
    }
  }

  it('does not stop others: those without a key, with other keys, of the same moment', async () => {
    const held = await holding('held')
    const same = posthorn.publish({ ...order, requestId: 'held' })
    const neighbours = Array.from({ length: 60 }, (_, at) =>
      posthorn.publish(at % 2 === 0 ? order : { ...order, requestId: `free-${at}` }),
    )
    // While the key is held, all the others are answered.
    const answers = await Promise.all(neighbours)
    expect(answers.every(({ duplicate }) => !duplicate)).toBe(true)
    await held.end('commit')
    expect(await same).toEqual({ ...held.accepted, duplicate: true })
  })

  it('does not stop others when many ask for held keys', async () => {
    const held = await Promise.all(['h1', 'h2', 'h3', 'h4'].map(holding))
    const waiting = ['h1', 'h2', 'h3', 'h4', 'h1', 'h2', 'h3', 'h4'].map((requestId) =>
      posthorn.publish({ ...order, requestId }),
    )
    const free = Array.from({ length: 40 }, (_, at) =>
      posthorn.publish({ ...order, requestId: `beside-${at}` }),
    )
    expect((await Promise.all(free)).every(({ duplicate }) => !duplicate)).toBe(true)
    await Promise.all(held.map(({ end }) => end('commit')))
    const answers = await Promise.all(waiting)
    expect(answers.map(({ eventId }) => eventId)).toEqual(
      [...held, ...held].map(({ accepted }) => accepted.eventId),
    )
  })

  it('who gives up leaves the key to the one who waits', async () => {
    const held = await holding('given-up')
    const same = posthorn.publish({ ...order, requestId: 'given-up', payload: 'another' })
    await posthorn.publish(order)
    await held.end('rollback')
    const answer = await same
    expect(answer).toMatchObject({ duplicate: false })
    expect(answer.eventId).not.toBe(held.accepted.eventId)
    expect(await count(world.db.pool, `idempotency_keys where key = 'given-up'`)).toBe(1)
  })

  it('makes the same key a conflict that may be tried again, once patience is over', async () => {
    const held = await holding('for-long')
    await expect(posthorn.publish({ ...order, requestId: 'for-long' })).rejects.toMatchObject({
      code: 'conflict',
      isRetryable: true,
    })
    await held.end('commit')
    expect(await posthorn.publish({ ...order, requestId: 'for-long' })).toEqual({
      ...held.accepted,
      duplicate: true,
    })
  })
})
