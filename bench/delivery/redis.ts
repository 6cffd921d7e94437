import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProgram } from '../machine/children.ts'
import { track } from '../machine/cleanup.ts'
import { waitUntil } from '../machine/deadline.ts'
import { freePort } from '../machine/postgres.ts'

/** A Redis server for BullMQ. */
export interface Redis {
  url: string
  description: string
  /** CPU microseconds that it and its children have used, by its own account. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

/**
 * Our own redis-server (append-only file, fsync each second: its usual durable setting) where the binary is
 * installed, else the server on 127.0.0.1:6379, else undefined.
 */
export async function startRedis(): Promise<Redis | undefined> {
  return (await startOwn()) ?? (await useRunning())
}

async function startOwn(): Promise<Redis | undefined> {
  const version = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  if (version.error !== undefined || version.status !== 0) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'posthorn-bench-redis-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  const releaseDirectory = track({ close: async () => remove(), kill: remove })
  const port = await freePort()
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: directory,
    appendonly: 'yes',
    appendfsync: 'everysec',
  }
  const server = startProgram(
    'redis-server',
    Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
  )
  await waitUntil(
    () =>
      info(port).then(
        () => true,
        () => false,
      ),
    {
      intervalMs: 50,
      timeoutMs: 5_000,
      what: () => `starting redis-server: ${server.stderr()}`,
    },
  )
  return {
    url: `redis://127.0.0.1:${port}`,
    description: `redis ${/v=([\d.]+)/.exec(version.stdout)?.[1] ?? ''}, appendonly yes, everysec`,
    cpu: async () => cpuOf(await info(port)),
    async stop() {
      await server.stop()
      await releaseDirectory()
    },
  }
}

async function useRunning(): Promise<Redis | undefined> {
  const text = await info(6379).catch(() => undefined)
  if (text === undefined) return undefined
  const isAppendOnly = text.includes('aof_enabled:1')
  return {
    url: 'redis://127.0.0.1:6379',
    description: `the redis ${/redis_version:(\S+)/.exec(text)?.[1] ?? ''} that runs on :6379, appendonly ${isAppendOnly ? 'yes' : 'no'}`,
    cpu: async () => cpuOf(await info(6379)),
    stop: async () => undefined,
  }
}

function cpuOf(text: string): number {
  const seconds = [...text.matchAll(/^used_cpu_(?:sys|user)(?:_children)?:([\d.]+)/gm)]
  return seconds.reduce((sum, match) => sum + Number(match[1]), 0) * 1e6
}

/** The answer to INFO, spoken directly so that no client library is needed here. */
function info(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO\r\nQUIT\r\n'))
    socket.setTimeout(2_000, () => socket.destroy(new Error('redis does not answer')))
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.on('end', () => (text.startsWith('$') ? resolve(text) : reject(new Error('not a redis'))))
    socket.on('error', reject)
  })
}
