import { createCapture } from '@posthorn/conversations'
import { DEFAULT_APP_ID, generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createPosthorn, type Posthorn } from '@posthorn/engine'
import { posthornOptions } from '@posthorn/engine/config'
import { createReceiver, type Receiver } from '@posthorn/testing'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWorker, parseWorkerConfig, type Worker } from '../src/index.ts'

describe('createWorker', () => {
  let db: TestDatabase
  let receiver: Receiver
  let client: Posthorn
  const workers: Worker[] = []
  const POSTHORN_ENCRYPTION_KEYS = generateEncryptionKey()

  beforeEach(async () => {
    db = await createTestDatabase()
    receiver = await createReceiver()
    client = createPosthorn({
      connectionString: db.url,
      encryptionKeys: POSTHORN_ENCRYPTION_KEYS,
      allowedCidrs: ['127.0.0.0/8'],
    })
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    await client.stop()
    await receiver.close()
    await db.drop()
  })

  function create(env: Record<string, string> = {}): Worker {
    const config = parseWorkerConfig({
      DATABASE_URL: db.url,
      POSTHORN_ENCRYPTION_KEYS,
      POSTHORN_ALLOWED_CIDRS: '127.0.0.0/8',
      PORT: '0',
      SHUTDOWN_GRACE: '3000',
      ...env,
    })
    const logger = pino({ level: 'silent' })
    const worker = createWorker({ posthorn: createPosthorn(posthornOptions(config)), config, logger })
    workers.push(worker)
    return worker
  }

  const get = (worker: Worker, path: string) => fetch(`${worker.url}${path}`)

  it('delivers, and two of them deliver each delivery once', async () => {
    await Promise.all([create().start(), create().start()])
    await client.endpoints.create({ url: receiver.url(), eventTypes: ['*'] })
    const events = Array.from({ length: 200 }, (_, n) => ({ type: 'order.created', payload: { n } }))
    await client.publishMany(events)
    await client.wake()
    await receiver.waitFor(200)
    await expect.poll(async () => (await client.deliveries.list({ status: 'pending' })).data).toEqual([])
    expect(receiver.received()).toHaveLength(200)
    expect(receiver.duplicates()).toEqual([])
  })

  it('projects captured events that nobody else does', async () => {
    await create().start()
    const capture = createCapture({ pool: db.pool })
    const body = { hook_event_name: 'UserPromptSubmit', session_id: 's', prompt: 'Hello' }
    const taken = await capture.accept({
      appId: DEFAULT_APP_ID,
      body: Buffer.from(JSON.stringify(body)),
      requestId: 'captured',
      capturedAt: null,
      traceId: null,
      headers: null,
      ipAddress: null,
      client: null,
      project: false,
    })
    expect(taken.status).toBe('PENDING')
    await expect
      .poll(async () => (await client.events.get(taken.eventId)).status, { timeout: 15_000 })
      .toBe('SUCCESS')
  })

  it('says that it lives, whether it is ready, and what it counts', async () => {
    const worker = create()
    await worker.start()
    expect((await get(worker, '/livez')).status).toBe(200)
    const ready = await get(worker, '/readyz')
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, problems: [] }])

    await client.enqueue({ url: receiver.url(), payload: { a: 1 } })
    await expect
      .poll(async () => (await get(worker, '/metrics')).text())
      .toContain('posthorn_worker_settled_total{status="delivered"} 1')
    const metrics = await (await get(worker, '/metrics')).text()
    for (const name of [
      'posthorn_queue_due',
      'posthorn_queue_oldest_due_seconds',
      'process_cpu_seconds_total',
    ]) {
      expect(metrics).toMatch(new RegExp(`^${name} `, 'm'))
    }
  })

  it('is not ready where migrations are missing', async () => {
    const empty = await createTestDatabase({ migrated: false })
    try {
      const worker = create({ DATABASE_URL: empty.url })
      await worker.start()
      const answer = await get(worker, '/readyz')
      expect(answer.status).toBe(503)
      expect(await answer.json()).toMatchObject({
        ready: false,
        problems: [expect.stringContaining('migrations')],
      })
      await worker.stop()
    } finally {
      await empty.drop()
    }
  })

  it('lets a request under way end when it is stopped', async () => {
    receiver.fallback({ delayMs: 500 })
    const worker = create()
    await worker.start()
    const { deliveryIds } = await client.enqueue({ url: receiver.url(), payload: 1 })
    await client.wake()
    await receiver.waitFor(1)
    await worker.stop()
    expect(await client.deliveries.get(deliveryIds[0] ?? '')).toMatchObject({
      status: 'delivered',
      attemptCount: 1,
    })
    await expect(get(worker, '/livez')).rejects.toThrow()
  })

  it('hands back what does not end within the grace period, at no cost of a try', async () => {
    receiver.fallback({ hang: true })
    const worker = create({ SHUTDOWN_GRACE: '600' })
    await worker.start()
    const { deliveryIds } = await client.enqueue({ url: receiver.url(), payload: 1 })
    await client.wake()
    await receiver.waitFor(1)
    await worker.stop()
    expect(await client.deliveries.get(deliveryIds[0] ?? '')).toMatchObject({
      status: 'pending',
      attemptCount: 0,
    })
  })
})
