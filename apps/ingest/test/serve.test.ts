import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { processFile } from '../../../test/processes/process-file.ts'
import { parseIngestConfig } from '../src/config.ts'
import { serveIngest } from '../src/serve.ts'
import { clientOf } from './support/client.ts'

const KEY = `phk_${'1'.repeat(32)}_${'b'.repeat(64)}`
const MAIN = processFile('apps/ingest/src/main.ts')

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false })
})
afterAll(() => database.drop())

/** The service as a process of its own. */
function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    output.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.err += chunk
  })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  return { child, output, exit }
}

describe('the service as a process', () => {
  it('migrates, takes the first key, serves, and stops when it is told to', async () => {
    const service = start({
      DATABASE_URL: database.url,
      POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
      POSTHORN_BOOTSTRAP_KEY: KEY,
      PORT: '0',
    })
    const urlIn = () => /listening at (http:[^"]+)"/.exec(service.output.out)?.[1]
    await expect.poll(urlIn, { timeout: 30_000, message: service.output.err }).toBeTypeOf('string')
    const client = clientOf(urlIn() ?? '', KEY)
    expect((await client('/readyz')).status).toBe(200)
    const accepted = await client('/api/v1/events', { json: { type: 'a', payload: 1 } })
    expect(accepted.status).toBe(202)

    service.child.kill('SIGTERM')
    expect(await service.exit).toBe(0)
    const { rows } = await database.pool.query('select count(*)::int as n from posthorn.events')
    expect(rows).toEqual([{ n: 1 }])
    const lines = service.output.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; route?: string })
    expect(lines.filter((line) => line.route === '/api/v1/events')).toHaveLength(1)
    expect(lines.at(-1)?.msg).toBe('stopped')
    expect(service.output.out + service.output.err).not.toContain('b'.repeat(64))
  })

  it('leaves nothing open when it cannot start', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const config = parseIngestConfig({
      DATABASE_URL: database.url,
      POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
      PORT: String((taken.address() as AddressInfo).port),
      LOG_LEVEL: 'silent',
    })
    await expect(serveIngest(config)).rejects.toThrow('EADDRINUSE')
    await expect
      .poll(async () => {
        const { rows } = await database.pool.query(
          `select count(*)::int as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        )
        return rows
      })
      .toEqual([{ n: 0 }])
    await new Promise((resolve) => taken.close(resolve))
  })

  it('writes its log into a folder beside standard output', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-log-'))
    const service = start({
      DATABASE_URL: database.url,
      POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
      POSTHORN_LOG_DIR: folder,
      PORT: '0',
    })
    await expect.poll(() => service.output.out, { timeout: 30_000 }).toContain('listening at')
    service.child.kill('SIGTERM')
    expect(await service.exit).toBe(0)
    expect(await readFile(join(folder, 'ingest.log'), 'utf8')).toBe(service.output.out)
    await rm(folder, { recursive: true })
  })

  it('says every mistake of its environment, and no secret', async () => {
    const service = start({ POSTHORN_ENCRYPTION_KEYS: 'k1:hunter2', PORT: 'http' })
    expect(await service.exit).toBe(64)
    expect(service.output.err).toMatch(/DATABASE_URL: is missing/)
    expect(service.output.err).toMatch(/PORT: must be a whole number/)
    expect(service.output.err).toMatch(/POSTHORN_ENCRYPTION_KEYS: must be/)
    expect(service.output.err).not.toContain('hunter2')
  })
})
