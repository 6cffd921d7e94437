import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createReceiver, type Receiver } from '@posthorn/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Command, run } from './support/command.ts'
import { temporaryFolder } from './support/folders.ts'

describe('commands on a database', () => {
  let db: TestDatabase
  let receiver: Receiver
  let env: Record<string, string>
  beforeAll(async () => {
    db = await createTestDatabase({ migrated: false })
    receiver = await createReceiver()
    env = {
      DATABASE_URL: db.url,
      POSTHORN_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
      POSTHORN_ALLOWED_CIDRS: '127.0.0.0/8',
      SHUTDOWN_GRACE: '5000',
      PORT: '0',
    }
    expect((await run(['migrate'], { env })).code).toBe(0)
  })
  afterAll(async () => {
    await receiver.close()
    await db.drop()
  })

  const enqueue = (...args: string[]) =>
    run(['enqueue', '--url', receiver.url('/cli'), ...args, '--json'], { env })
  const once = async () => JSON.parse((await run(['worker', '--once', '--json'], { env })).stdout)

  it('migrates a second time without anything to do', async () => {
    const { code, stdout } = await run(['migrate', '--json'], { env })
    expect([code, JSON.parse(stdout)]).toEqual([0, { applied: [], partitions: [] }])
    expect((await run(['migrate'], { env })).stdout).toBe('nothing to migrate\n')
  })

  it('enqueues from an argument, a file and standard input, byte for byte, and delivers in a single pass', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'payload.json')
    await writeFile(file, '{ "large": 12345678901234567890 }')
    const answers = await Promise.all([
      enqueue('--payload', '{"b":1,"a":2}', '--type', 'order.created', '--header', 'x-shop: 7'),
      enqueue('--payload', `@${file}`),
      run(['enqueue', '--url', receiver.url('/cli'), '--payload', '-'], { env, input: '[1e400]' }),
    ])
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(JSON.parse(answers[0]?.stdout ?? '')).toMatchObject({
      eventId: expect.stringMatching(/^evt_/),
      deliveryIds: [expect.stringMatching(/^dlv_/)],
      duplicate: false,
    })
    expect(answers[2]?.stdout).toMatch(/^enqueued evt_\w+, delivery dlv_\w+\n$/)

    expect(await once()).toMatchObject({ tried: 3, delivered: 3, retryLater: 0 })
    const bodies = receiver.received('/cli').map(({ body }) => body.toString())
    expect(bodies.toSorted()).toEqual(
      ['[1e400]', '{ "large": 12345678901234567890 }', '{"b":1,"a":2}'].toSorted(),
    )
    const typed = receiver.received('/cli').find(({ headers }) => headers['x-event-type'] === 'order.created')
    expect(typed?.headers['x-shop']).toBe('7')
    expect(await once()).toMatchObject({ tried: 0 })
  })

  it('enqueues once for a key, and tells another event under it apart', async () => {
    const [first, second] = [
      await enqueue('--payload', '{"a":1}', '--idempotency-key', 'k-1'),
      await enqueue('--payload', '{"a":1}', '--idempotency-key', 'k-1'),
    ].map(({ stdout }) => JSON.parse(stdout))
    expect(second).toEqual({ ...first, duplicate: true })
    const other = await enqueue('--payload', '{"a":2}', '--idempotency-key', 'k-1')
    expect(other).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^error: /) })
  })

  it.each([
    [['--url', 'https://127.0.0.2:x/', '--payload', '1'], 'url'],
    [['--url', 'http://169.254.169.254/', '--payload', '1'], 'url'],
    [['--url', 'https://example.com/', '--payload', '1', '--scheduled-at', 'tomorrow'], 'scheduledAt'],
  ])('refuses %j by the name of the field', async (args, field) => {
    const { code, stderr } = await run(['enqueue', ...args], { env })
    expect(code).toBe(64)
    expect(stderr).toContain(`${field}: `)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('makes, lists and revokes keys', async () => {
    const made = await run(
      ['keys', 'create', '--name', 'shop', '--role', 'ingest', '--expires-in-days', '7'],
      { env },
    )
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^phk_[0-9a-f]{32}_\w+\n$/) })
    const id = `key_${made.stdout.slice(4, 36)}`
    expect(made.stderr).toContain(id)

    const list = await run(['keys', 'list', '--json'], { env })
    const rows = list.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows).toContainEqual(
      expect.objectContaining({ id, name: 'shop', role: 'ingest', revokedAt: null }),
    )
    expect(list.stdout).not.toContain(made.stdout.trim().slice(37))

    expect(await run(['keys', 'revoke', id], { env })).toMatchObject({
      code: 0,
      stdout: `${id} is revoked\n`,
    })
    expect((await run(['keys', 'list'], { env })).stdout).toMatch(
      new RegExp(`${id} +shop +ingest +any +revoked`),
    )
    expect(await run(['keys', 'revoke', id], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was revoked before'),
    })
  })

  it.each([['ingest'], ['worker']])('runs %s until SIGTERM, and ends with 0', async (name) => {
    const service = new Command([name], env)
    await service.says(/ at http:\/\/127\.0\.0\.1:\d+/)
    const url = / at (http:\/\/127\.0\.0\.1:\d+)/.exec(service.stdout)?.[1]
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(200)
    const { code, stderr } = await service.signal('SIGTERM')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const line of service.stdout.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ msg: expect.anything() })
  })

  it('lets a delivery under way end when the worker is told to stop', async () => {
    receiver.route('/slow', { delayMs: 700 })
    const worker = new Command(['worker'], env)
    await worker.says(/"delivering"/)
    const { stdout } = await run(['enqueue', '--url', receiver.url('/slow'), '--payload', '1', '--json'], {
      env,
    })
    await receiver.waitFor(1, { path: '/slow' })
    expect((await worker.signal('SIGTERM')).code).toBe(0)
    const [id] = JSON.parse(stdout).deliveryIds as string[]
    expect(receiver.acceptedTimes(id ?? '')).toBe(1)
    expect(await once()).toMatchObject({ tried: 0 })
  })

  it('says that a database of a newer version is not for it', async () => {
    const newer = await createTestDatabase()
    try {
      await newer.pool.query(
        `insert into posthorn.migrations (hash, created_at) select 'x', 9e15::bigint from generate_series(1, 50)`,
      )
      const { code, stderr } = await run(['migrate'], { env: { DATABASE_URL: newer.url } })
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining('newer version of Posthorn'),
      })
    } finally {
      await newer.drop()
    }
  })
})
