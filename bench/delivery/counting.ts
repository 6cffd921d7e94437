import pg from 'pg'
import type { CountQuery } from './contender.ts'

/** A connection that answers single numbers; kept open while a cell runs, so that polling costs little. */
export async function openCounter(
  connectionString: string,
): Promise<{ query: CountQuery; run(sql: string): Promise<void>; close(): Promise<void> }> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => undefined)
  await client.connect()
  return {
    async query(sql) {
      const { rows } = await client.query<{ count: string }>(sql)
      return Number(rows[0]?.count)
    },
    run: async (sql) => void (await client.query(sql)),
    close: () => client.end(),
  }
}
