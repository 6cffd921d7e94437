import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posthorn } from '../src/index.ts'
import { createWorld, type World } from './support.ts'

describe('headers of an endpoint', () => {
  let world: World
  let posthorn: Posthorn
  beforeAll(async () => {
    world = await createWorld()
    posthorn = world.open()
    await posthorn.start()
  })
  afterAll(() => world.close())

  it('are shown by name alone, and what was shown may be sent back', async () => {
    const { id, headers } = await posthorn.endpoints.create({
      url: world.receiver.url('/headers'),
      eventTypes: ['a'],
      headers: { authorization: 'Bearer real', 'x-functions-key': 'secret', 'x-plain': '1' },
    })
    expect(new Set(Object.values(headers))).toEqual(new Set(['[REDACTED]']))
    await posthorn.endpoints.update(id, { headers: { ...headers, 'x-plain': '2' } })
    await posthorn.publish({ type: 'a', payload: 1 })
    await world.receiver.waitFor(1)
    expect(world.receiver.received('/headers')[0]?.headers).toMatchObject({
      authorization: 'Bearer real',
      'x-functions-key': 'secret',
      'x-plain': '2',
    })
  })

  it('cannot begin as a hidden value', async () => {
    const input = { url: world.receiver.url('/'), headers: { 'x-a': '[REDACTED]' } }
    await expect(posthorn.endpoints.create(input)).rejects.toMatchObject({
      issues: [{ path: 'headers["x-a"]' }],
    })
  })
})
