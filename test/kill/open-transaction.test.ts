import { expect, it } from 'vitest'
import { generateEncryptionKey } from '../../packages/db/src/index.ts'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createPosthorn } from '../../packages/engine/src/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { call, subscribe } from './support/api.ts'
import { Senders } from './support/senders.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

it("a caller's open transaction does not stop the ingest of others", async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver()
  await using stack = await Stack.open(database.url)
  await stack.ingest()
  await stack.worker()
  await subscribe(stack.ingestUrl, receiver.url(), ['*'], { maxConcurrency: 128 })
  await using library = createPosthorn({
    connectionString: database.url,
    encryptionKeys: generateEncryptionKey(),
  })
  const event = { type: 'order.paid', payload: { n: 1 } }
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    const inside = await library.publish({ ...event, requestId: 'the-same' }, { tx: client })

    // The same key over HTTP has to wait for that transaction; whoever comes with it must not.
    const plain = new Senders({ ingestUrl: stack.ingestUrl, type: 'plain', width: 8 })
    const keyed = new Senders({ ingestUrl: stack.ingestUrl, type: 'keyed', width: 8, keyed: true })
    const url = `${stack.ingestUrl}/api/v1/events`
    const sameKey = Array.from({ length: 4 }, () => call(url, event, { 'idempotency-key': 'the-same' }))
    const first = await Promise.race([...sameKey.map(() => sameKey[0]), untilMany(plain, keyed)])
    expect(first, 'many were accepted before the blocked request was answered').toBe('many')
    const blocked = await Promise.all(sameKey)
    expect(blocked.map(({ status }) => status)).toEqual([409, 409, 409, 409])
    expect(blocked.filter(({ headers }) => headers.get('retry-after') === null)).toEqual([])
    await Promise.all([plain.stop(), keyed.stop()])
    expect(Object.keys(plain.statuses)).toEqual(['202'])
    expect(Object.keys(keyed.statuses)).toEqual(['202'])

    await client.query('commit')
    const after = await call(url, event, { 'idempotency-key': 'the-same' })
    expect(after).toMatchObject({ status: 202, body: { id: inside.eventId, duplicate: true } })
    await until('everything is delivered', async () => (await stack.observer.census()).queued === 0)
    const { deliveries, byStatus } = await stack.observer.census()
    expect(byStatus).toEqual({ delivered: deliveries })
  } finally {
    client.release()
  }
})

async function untilMany(...senders: readonly Senders[]): Promise<'many'> {
  await until('many are accepted', () => senders.every(({ accepted }) => accepted.length >= 300))
  return 'many'
}
