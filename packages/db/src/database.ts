import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import * as schema from './schema/index.ts'

/** Drizzle over Posthorn's schema: every ordinary query goes through it. */
export type Database = NodePgDatabase<typeof schema>

/** @param client a pool, or one client inside a transaction */
export function database(client: pg.Pool | pg.ClientBase): Database {
  const db = drizzle(client as pg.Pool, { schema })
  const { session } = db as unknown as { session: Session }
  const prepare = session.prepareQuery.bind(session)
  session.prepareQuery = (...args) => Object.assign(prepare(...args), { queryWithCache: withoutWrapping })
  return db
}

interface Session {
  prepareQuery(...args: unknown[]): object
}

/**
 * Runs a query as it is. Drizzle would wrap its error in one that hides PostgreSQL's code and has every parameter in its
 * message, and with it hashes of keys and what customers sent.
 */
const withoutWrapping = (_text: string, _parameters: unknown, query: () => Promise<unknown>) => query()

/**
 * Runs `work` in a transaction of its own; whatever it throws rolls everything back.
 *
 * @param begin the statement that opens it, with settings for the transaction behind it
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError
    })
    throw error
  } finally {
    client.release(broken)
  }
}
