import { expect, it } from 'vitest'
import { createWorld, PATIENCE, untilStatus } from './support.ts'

it('delivers to others while an endpoint hangs with 2 000 due', async () => {
  await using world = await createWorld()
  // Longer than this takes on any machine: no request that hangs may end meanwhile.
  const posthorn = world.open({ concurrency: 64, timeoutMs: 300_000 })
  world.receiver.route('/hangs', { hang: true })
  const hanging = await posthorn.endpoints.create({
    url: world.receiver.url('/hangs'),
    eventTypes: ['hangs'],
  })
  for (let at = 0; at < 5; at += 1)
    await posthorn.endpoints.create({ url: world.receiver.url(`/fine/${at}`), eventTypes: [`fine.${at}`] })
  await posthorn.publishMany(Array.from({ length: 2_000 }, (_, n) => ({ type: 'hangs', payload: n })))
  await posthorn.start()
  // All that it may have under way hangs before the others come.
  await world.receiver.waitFor(16, { path: '/hangs' })
  const answers = await posthorn.publishMany(
    Array.from({ length: 300 }, (_, n) => ({ type: `fine.${n % 5}`, payload: n })),
  )
  const ids = answers.flatMap((answer) => (answer.ok ? answer.value.deliveryIds : []))
  expect(ids).toHaveLength(300)
  for (const id of ids) await untilStatus(posthorn, id, 'delivered')
  // Not one request of the hanging endpoint has ended by now, and it never had more than its share.
  expect(posthorn.stats).toMatchObject({ settled: { delivered: 300, pending: 0, failed: 0 } })
  expect(world.receiver.received('/hangs')).toHaveLength(16)
  expect(
    (await posthorn.deliveries.list({ endpointId: hanging.id, status: 'processing', limit: 50 })).data,
  ).toHaveLength(16)
})

it('delivers to others while an endpoint floods an ordering key, and one that never ends its answer', async () => {
  await using world = await createWorld()
  const posthorn = world.open({ concurrency: 32, timeoutMs: 30_000 })
  world.receiver.route('/drips', { body: 'x'.repeat(1_000_000), drip: { everyMs: 50 } })
  world.receiver.route('/ordered', { hang: true })
  await posthorn.endpoints.create({ url: world.receiver.url('/drips'), eventTypes: ['drips'] })
  await posthorn.endpoints.create({ url: world.receiver.url('/ordered'), eventTypes: ['ordered'] })
  await posthorn.endpoints.create({ url: world.receiver.url('/fine'), eventTypes: ['fine'] })
  await posthorn.publishMany(
    Array.from({ length: 500 }, (_, n) => ({ type: 'ordered', payload: n, orderingKey: 'one' })),
  )
  await posthorn.publishMany(Array.from({ length: 500 }, (_, n) => ({ type: 'drips', payload: n })))
  await posthorn.start()
  await world.receiver.waitFor(
    (requests) => requests.filter((request) => request.path !== '/fine').length >= 17,
  )
  const { deliveryIds } = await posthorn.publish({ type: 'fine', payload: 1 })
  await untilStatus(posthorn, deliveryIds[0], 'delivered')
  await expect.poll(() => world.receiver.received('/ordered').length, PATIENCE).toBe(1)
  expect(posthorn.stats.settled).toMatchObject({ delivered: 1, pending: 0 })
})
