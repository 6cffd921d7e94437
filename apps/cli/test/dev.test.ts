import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { generateEncryptionKey } from '@posthorn/db'
import { startEmbeddedPostgres } from '@posthorn/db/embedded'
import { createReceiver } from '@posthorn/testing'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { Command, run } from './support/command.ts'
import { temporaryFolder } from './support/folders.ts'

interface Facts {
  readonly url: string
  readonly databaseUrl: string
  readonly databasePasswordFile: string
  readonly adminKeyFile: string
  readonly adminKey?: string
  readonly recovered: boolean
}

const env = { SHUTDOWN_GRACE: '5000' }
const started: Command[] = []

function start(dataDir: string, ...args: string[]): Command {
  const command = new Command(['dev', '--data-dir', dataDir, '--port', '0', '--json', ...args], env)
  started.push(command)
  return command
}

async function api(facts: Facts, method: string, path: string, body?: unknown) {
  const answer = await fetch(facts.url + path, {
    method,
    headers: {
      authorization: `Bearer ${readFileSync(facts.adminKeyFile, 'utf8').trim()}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return (answer.status === 204 ? {} : await answer.json()) as Record<string, unknown> & { id: string }
}

const statusOf = async (facts: Facts, eventId: string) => {
  const { deliveries } = (await api(facts, 'GET', `/api/v1/events/${eventId}`)) as unknown as {
    deliveries: { status: string }[]
  }
  return deliveries.map(({ status }) => status)
}

/** The number of the PostgreSQL that runs on a data directory. */
const postgresPid = (dataDir: string) =>
  Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])

async function ask(url: string, password: string | undefined): Promise<unknown> {
  const { hostname: host, port, username: user, pathname } = new URL(url)
  const client = new pg.Client({ host, port: Number(port), user, password, database: pathname.slice(1) })
  try {
    await client.connect()
    return (await client.query('select current_user as name')).rows[0].name
  } finally {
    await client.end().catch(() => undefined)
  }
}

describe('posthorn dev', { timeout: 120_000 }, () => {
  afterEach(async () => {
    await Promise.all(started.splice(0).map((command) => command.signal('SIGTERM')))
  })

  it('survives SIGKILL: the next start finds its PostgreSQL running, everything in it, and goes on', async () => {
    await using folder = await temporaryFolder()
    await using receiver = await createReceiver()
    const dataDir = join(folder.path, 'data')
    const killed = start(dataDir, '--allow-private-network')
    const before = await killed.firstJson<Facts>()
    expect(before).toMatchObject({ recovered: false, adminKey: expect.stringMatching(/^phk_/) })
    for (const name of ['encryption.key', 'admin.key', 'database.password', 'dev.json']) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
    }
    await api(before, 'POST', '/api/v1/endpoints', { url: receiver.url(), eventTypes: ['order.*'] })
    const event = await api(before, 'POST', '/api/v1/events', { type: 'order.created', payload: { n: 1 } })
    await receiver.waitFor(1)
    await expect.poll(() => statusOf(before, event.id)).toEqual(['delivered'])
    // The metrics of both services, each once.
    const metrics = await (await fetch(`${before.url}/metrics`)).text()
    for (const name of [
      'posthorn_worker_settled_total{status="delivered"} 1',
      'posthorn_queue_due ',
      'process_cpu_seconds_total ',
    ])
      expect(metrics.split('\n').filter((line) => line.startsWith(name))).toHaveLength(1)

    await killed.signal('SIGKILL')
    const again = start(dataDir, '--allow-private-network')
    const after = await again.firstJson<Facts>()
    expect(after).toMatchObject({ recovered: true, databaseUrl: before.databaseUrl })
    expect(after.adminKey).toBeUndefined()
    expect(await statusOf(after, event.id)).toEqual(['delivered'])
    await api(after, 'POST', '/api/v1/events', { type: 'order.paid', payload: { n: 2 } })
    await receiver.waitFor(2)
    expect(await again.signal('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
    await expect(fetch(after.url)).rejects.toThrow()

    // Stopped in order this time: it is a new PostgreSQL on the old data.
    const third = await start(dataDir).firstJson<Facts>()
    expect(third.recovered).toBe(false)
    expect(await statusOf(third, event.id)).toEqual(['delivered'])
  })

  it('refuses a second one on the same data, a port that is taken, and an old database without its key', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    const first = start(dataDir)
    const { url } = await first.firstJson<Facts>()
    expect(await start(dataDir).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`already runs on .*data: process ${first.process.pid} at ${url}`),
      ),
    })
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect((await first.signal('SIGINT')).code).toBe(0)

    const other = createServer().listen(0, '127.0.0.1')
    await expect.poll(() => other.listening).toBe(true)
    const port = String((other.address() as AddressInfo).port)
    expect(await start(dataDir, '--port', port).ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `Port ${port} is taken by another program.\nGive another one with --port.`,
      ),
    })
    const fresh = join(folder.path, 'fresh')
    expect((await start(fresh, '--port', port).ended).stderr).toContain('is taken')
    // It was found out before a database was made for nothing.
    expect(existsSync(join(fresh, 'postgres'))).toBe(false)
    expect(existsSync(join(fresh, 'encryption.key'))).toBe(false)
    other.close()

    await rm(join(dataDir, 'encryption.key'))
    expect(await start(dataDir).ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is missing'),
    })
  })

  it('lets nobody into its database without the password, also where everybody was let in before', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    // As an earlier version left it, still running.
    await mkdir(dataDir)
    await writeFile(join(dataDir, 'encryption.key'), `${generateEncryptionKey()}\n`)
    const open = await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres') })
    expect(await ask(open.url, undefined)).toBe('posthorn')

    const command = start(dataDir)
    const { databaseUrl, databasePasswordFile } = await command.firstJson<Facts>()
    const password = readFileSync(databasePasswordFile, 'utf8').trim()
    await expect(ask(databaseUrl, undefined)).rejects.toThrow(/password/)
    await expect(ask(databaseUrl, 'posthorn')).rejects.toMatchObject({ code: '28P01' })
    expect(await ask(databaseUrl, password)).toBe('posthorn')
    expect(command.stdout + command.stderr).not.toContain(password)
    for (const log of ['dev.log', 'postgres/server.log'])
      expect(readFileSync(join(dataDir, log), 'utf8')).not.toContain(password)
    expect((await run(['keys', 'list', '--data-dir', dataDir], {})).stdout).toContain('bootstrap')
  })

  it('starts its PostgreSQL again when that was killed, and goes on', async () => {
    await using folder = await temporaryFolder()
    await using receiver = await createReceiver()
    const dataDir = join(folder.path, 'data')
    const command = start(dataDir, '--allow-private-network')
    const facts = await command.firstJson<Facts>()
    await api(facts, 'POST', '/api/v1/endpoints', { url: receiver.url(), eventTypes: ['*'] })
    for (const n of [1, 2]) {
      const pid = postgresPid(dataDir)
      process.kill(pid, 'SIGKILL')
      await expect.poll(() => postgresPid(dataDir), { timeout: 30_000 }).not.toBe(pid)
      const publish = () => api(facts, 'POST', '/api/v1/events', { type: 'order.created', payload: { n } })
      await expect.poll(async () => (await publish()).id, { timeout: 30_000 }).toMatch(/^evt_/)
      await receiver.waitFor(n, { timeoutMs: 30_000 })
    }
    expect(command.process.exitCode).toBeNull()
    const { code, stderr } = await command.signal('SIGTERM')
    expect(code).toBe(0)
    expect(stderr).toContain('PostgreSQL has ended by itself; it is started again')
    expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(false)
  })

  it('ends in order when it is told to while it starts, in whatever moment', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    for (const [sign, signal] of [
      ['postgres.unfinished', 'SIGTERM'],
      ['postgres/postmaster.pid', 'SIGINT'],
      ['dev.log', 'SIGTERM'],
    ] as const) {
      const command = start(dataDir)
      await expect.poll(() => existsSync(join(dataDir, sign)), { interval: 2, timeout: 30_000 }).toBe(true)
      expect(await command.signal(signal)).toEqual({ code: 0, stdout: '', stderr: '' })
      for (const left of ['postgres/postmaster.pid', 'postgres.unfinished', 'dev.json', 'dev.lock'])
        expect([sign, left, existsSync(join(dataDir, left))]).toEqual([sign, left, false])
    }
    const last = start(dataDir)
    expect(await last.firstJson<Facts>()).toMatchObject({ recovered: false })
    expect((await last.signal('SIGTERM')).code).toBe(0)
  })

  it('serves enqueue, keys and listen from its data directory', async () => {
    await using folder = await temporaryFolder()
    await using receiver = await createReceiver()
    receiver.route('/hook', { status: 202, body: 'taken', headers: { 'x-mine': 'yes' } })
    const dataDir = join(folder.path, 'data')
    const facts = await start(dataDir, '--allow-private-network').firstJson<Facts>()

    const listen = new Command(
      [
        'listen',
        '--forward',
        receiver.url('/hook?a=b'),
        '--data-dir',
        dataDir,
        '--events',
        'order.*',
        'user.*',
      ],
      {},
    )
    const secret = /signed with (whsec_\S+)/.exec(await listen.says('Ctrl-C'))?.[1]
    const event = await api(facts, 'POST', '/api/v1/events', { type: 'order.created', payload: { n: 1 } })
    const [request] = await receiver.waitFor(1)
    await listen.says(/ 202 +\d+ ms {2}order\.created {2}dlv_/)
    expect(request).toMatchObject({ url: '/hook?a=b', method: 'POST' })
    expect(request?.headers['x-event-id']).toBe(event.id)
    const { verify } = await import('@posthorn/dispatcher/signing')
    expect(verify(request?.body ?? '', request?.headers ?? {}, secret ?? '').ok).toBe(true)

    const endpoints = async () =>
      ((await api(facts, 'GET', '/api/v1/endpoints')) as unknown as { data: unknown[] }).data.length
    expect(await endpoints()).toBe(1)
    expect((await listen.signal('SIGINT')).code).toBe(0)
    expect(await endpoints()).toBe(0)

    const enqueued = await run(
      ['enqueue', '--url', receiver.url('/direct'), '--payload', '{}', '--data-dir', dataDir],
      {},
    )
    expect(enqueued).toMatchObject({ code: 0, stderr: '' })
    await receiver.waitFor(1, { path: '/direct' })
    expect((await run(['keys', 'list', '--data-dir', dataDir])).stdout).toContain('bootstrap')
  })

  it('tells how to let it deliver to this machine', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    await start(dataDir).firstJson()
    const { code, stderr } = await run(['listen', '--forward', '3000', '--data-dir', dataDir])
    expect(code).toBe(1)
    expect(stderr).toContain('posthorn dev --allow-private-network')
  })
})
