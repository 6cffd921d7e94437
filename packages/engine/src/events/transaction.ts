import { ValidationError } from '@posthorn/core'
import type pg from 'pg'

type Queryable = { query(...args: never[]): unknown }

const canQuery = (value: unknown): value is Queryable =>
  typeof value === 'object' && value !== null && typeof (value as { query?: unknown }).query === 'function'

/**
 * The `pg` client behind what a caller calls its transaction: a client itself, or a Drizzle transaction (which keeps its
 * client in its session).
 *
 * @throws ValidationError for anything else, also for a pool: on a pool each statement may run on another connection
 */
export function clientOf(tx: unknown): pg.ClientBase {
  const session = (tx as { session?: { client?: unknown } } | null)?.session
  const candidate = canQuery(session?.client) ? session?.client : tx
  if (!canQuery(candidate) || 'totalCount' in candidate) {
    throw new ValidationError([
      {
        path: 'tx',
        message: 'is not an open transaction',
        expected: 'a pg client or a Drizzle transaction on node-postgres',
      },
    ])
  }
  return candidate as unknown as pg.ClientBase
}
