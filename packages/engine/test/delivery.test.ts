import { generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createReceiver, type Receiver, waitForDelivered } from '@posthorn/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPosthorn, type Posthorn } from '../src/index.ts'

describe('publish and deliver', () => {
  let db: TestDatabase
  let posthorn: Posthorn
  let receiver: Receiver
  beforeAll(async () => {
    db = await createTestDatabase()
    receiver = await createReceiver()
    posthorn = createPosthorn({
      connectionString: db.url,
      encryptionKeys: generateEncryptionKey(),
      allowedCidrs: ['127.0.0.0/8'],
    })
    await posthorn.start()
  })
  afterAll(async () => {
    await posthorn.stop({ graceMs: 5_000 })
    await receiver.close()
    await db.drop()
  })

  it('delivers a published event, signed, with its attempt logged', async () => {
    const endpoint = await posthorn.endpoints.create({ url: receiver.url('/hook'), eventTypes: ['order.*'] })
    const accepted = await posthorn.publish({ type: 'order.created', payload: { a: 1 } })
    expect(accepted).toMatchObject({
      duplicate: false,
      deliveryIds: [expect.stringMatching(/^dlv_[0-9a-f]{32}$/)],
    })
    await waitForDelivered(receiver, accepted.deliveryIds)
    const [id] = accepted.deliveryIds
    await expect.poll(() => posthorn.deliveries.get(id ?? '').then((d) => d.status)).toBe('delivered')
    const delivery = await posthorn.deliveries.get(id ?? '')
    expect(delivery).toMatchObject({
      endpointId: endpoint.id,
      attemptCount: 1,
      attempts: [{ number: 1, success: true, statusCode: 200 }],
    })
  })
})
