import type pg from 'pg'
import { database } from '../database.ts'
import { attempts } from '../schema/index.ts'
import type { AttemptRecord } from './completion.ts'

/** Records a request that belongs to no delivery: a test, a health check. */
export async function recordAttempt(
  pool: pg.Pool,
  endpointId: string,
  attempt: AttemptRecord,
): Promise<void> {
  await database(pool)
    .insert(attempts)
    .values({ ...attempt, endpointId })
    .onConflictDoNothing()
}

/** The database's time, epoch milliseconds. */
export async function databaseTime(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
  )
  return rows[0]?.ms ?? Date.now()
}
