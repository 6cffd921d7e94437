import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { EVENT_TYPE } from '../ingest/event.ts'
import type { IngestServer } from '../ingest/server.ts'
import { startProgram } from '../machine/children.ts'
import { waitUntil } from '../machine/deadline.ts'
import { freePort } from '../machine/postgres.ts'
import { ALLOWED_CIDRS, ENCRYPTION_KEYS, withPosthorn } from './engine.ts'

const COMMAND = join(import.meta.dirname, '../../apps/cli/dist/main.js')
const BOOTSTRAP_KEY = `phk_${'0'.repeat(32)}_${'bench'.repeat(8)}`

/** Starts `posthorn ingest`; with `fanOut` 1 there is one endpoint that every event goes to (nobody delivers). */
export async function startIngestProcess(connectionString: string, fanOut: 0 | 1): Promise<IngestServer> {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing: build first`)
  await withPosthorn(connectionString, async (posthorn) => {
    await posthorn.migrate()
    if (fanOut === 1)
      await posthorn.endpoints.create({ url: 'http://127.0.0.1:9/', eventTypes: [EVENT_TYPE] })
  })

  const port = await freePort()
  const server = startProgram(process.execPath, [COMMAND, 'ingest'], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: connectionString,
      POSTHORN_ENCRYPTION_KEYS: ENCRYPTION_KEYS,
      POSTHORN_BOOTSTRAP_KEY: BOOTSTRAP_KEY,
      POSTHORN_ALLOWED_CIDRS: ALLOWED_CIDRS,
    },
  })
  const isReady = async () => {
    if (server.hasEnded()) throw new Error(`posthorn ingest ended: ${server.stderr().slice(-600)}`)
    const answer = await request(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    await answer?.body.dump()
    return answer?.statusCode === 200
  }
  try {
    await waitUntil(isReady, { intervalMs: 50, timeoutMs: 30_000, what: () => 'starting posthorn ingest' })
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    pid: server.pid,
    port,
    path: '/api/v1/events',
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
    rowsQuery: 'select count(*) from posthorn.events',
    stop: () => server.stop(),
  }
}
