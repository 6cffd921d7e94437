import { join } from 'node:path'
import { openCounter } from '../delivery/counting.ts'
import { startChild } from '../machine/children.ts'
import { EVENTS_DDL } from './events-table.ts'
import type { IngestServer } from './server.ts'

const ENTRY = join(import.meta.dirname, 'servers/server-process.ts')

/** Fastify with one INSERT per request. */
export async function startNaive(connectionString: string): Promise<IngestServer> {
  const database = await openCounter(connectionString)
  await database.run(EVENTS_DDL)
  await database.close()
  return start(connectionString)
}

/** Fastify with validation and no database. */
export async function startWithoutDatabase(): Promise<IngestServer> {
  return start(undefined)
}

async function start(connectionString: string | undefined): Promise<IngestServer> {
  const child = await startChild(ENTRY, { connectionString })
  const { port } = await child.receive('listening', 15_000)
  return {
    pid: child.pid,
    port: Number(port),
    path: '/events',
    headers: {},
    rowsQuery: connectionString === undefined ? undefined : 'select count(*) from events',
    stop: () => child.stop(),
  }
}
