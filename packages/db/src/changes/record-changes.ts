import type pg from 'pg'

/** What is announced to those who watch an app. */
export interface NewChange {
  /** uuid */
  readonly appId: string
  readonly type: string
  /** ids and a few words, never what somebody sent */
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Writes changes with what changed: inside the same transaction, so that nothing is announced that was rolled back and
 * nothing is committed that nobody hears of.
 */
export async function recordChanges(
  client: pg.Pool | pg.ClientBase,
  changes: readonly NewChange[],
): Promise<void> {
  if (changes.length === 0) return
  await client.query(
    `insert into posthorn.changes (app_id, type, data)
     select (value ->> 'appId')::uuid, value ->> 'type', value -> 'data'
       from jsonb_array_elements($1::jsonb) with ordinality order by ordinality`,
    [JSON.stringify(changes)],
  )
}
