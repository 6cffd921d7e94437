import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateEncryptionKey } from '@posthorn/db'
import { startEmbeddedPostgres } from '@posthorn/db/embedded'
import { createReceiver, waitForDelivered } from '@posthorn/testing'
import { expect, it } from 'vitest'
import { createPosthorn } from '../src/index.ts'
import { keepingLogger, LOOPBACK, PATIENCE } from './support.ts'

const order = { type: 'order.created', payload: { a: 1 } }

it('survives a database that is stopped and started again', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-outage-'))
  await chmod(folder, 0o777)
  const dataDir = join(folder, 'cluster')
  await using receiver = await createReceiver()
  let server = await startEmbeddedPostgres({ dataDir })
  const port = Number(new URL(server.url).port)
  const logger = keepingLogger()
  const posthorn = createPosthorn({
    connectionString: server.url,
    encryptionKeys: generateEncryptionKey(),
    allowedCidrs: LOOPBACK,
    timeoutMs: 1_000,
    logger,
  })
  try {
    await posthorn.migrate()
    await posthorn.endpoints.create({
      url: receiver.url('/'),
      eventTypes: ['order.*'],
      retry: [50, 50, 50, 50, 50, 50, 50, 50],
    })
    await posthorn.start()
    const before = await Promise.all(Array.from({ length: 50 }, () => posthorn.publish(order)))
    await server.stop()

    expect(await posthorn.readiness()).toMatchObject({ ready: false })
    const told = (message: string) =>
      logger.lines.filter(({ level, message: text }) => level !== 'debug' && text.includes(message)).length
    await expect.poll(() => posthorn.stats.claimErrors, PATIENCE).toBeGreaterThan(2)
    expect(told('could not be claimed')).toBe(1)
    for (const work of [
      () => posthorn.publish(order),
      () => posthorn.publish({ ...order, requestId: 'meanwhile' }),
      () => posthorn.enqueue({ url: receiver.url('/never-seen'), payload: 1 }),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'unavailable', isRetryable: true })
    }
    expect(
      (await posthorn.publishMany([order, order])).map((result) => (result.ok ? 'ok' : result.error.code)),
    ).toEqual(['unavailable', 'unavailable'])

    server = await startEmbeddedPostgres({ dataDir, port })
    expect(await posthorn.publish({ ...order, requestId: 'meanwhile' })).toMatchObject({ duplicate: false })
    const after = await Promise.all(Array.from({ length: 20 }, () => posthorn.publish(order)))
    await waitForDelivered(
      receiver,
      [...before, ...after].flatMap(({ deliveryIds }) => deliveryIds),
      { timeoutMs: 60_000 },
    )
    expect(await posthorn.readiness()).toEqual({ ready: true, problems: [] })
    expect([told('could not be claimed'), told('are claimed again')]).toEqual([1, 1])

    receiver.fallback({ hang: true })
    await posthorn.publish(order)
    await expect.poll(() => posthorn.stats.inFlight, PATIENCE).toBe(1)
    await server.stop()
    // Nobody answers any more: it gives up what it cannot write, and says so.
    await posthorn.stop({ graceMs: 1_500 })
    expect(logger.lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toContain(
      'stopped with outcomes that could not be written',
    )
  } finally {
    await posthorn.stop({ graceMs: 100 })
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
