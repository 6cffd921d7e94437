import { createHash } from 'node:crypto'
import type pg from 'pg'

/** A statement that is prepared once per connection under its name, unless names are off. */
export interface Statement {
  name: string
  text: string
}

/** Names a statement after its text, so that two versions of it never meet under one name. */
export function statement(kind: string, text: string): Statement {
  return { name: `${kind}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text }
}

/** What runs a query: a pool or a client of `pg`. */
export type Queryable = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>

/** Runs a statement; `prepared: false` sends it without a name, as transaction poolers need it. */
export function run<Row extends pg.QueryResultRow>(
  client: Queryable,
  { name, text }: Statement,
  values: readonly unknown[],
  prepared: boolean,
): Promise<pg.QueryResult<Row>> {
  return client.query<Row>({ ...(prepared ? { name } : {}), text, values: [...values] })
}
