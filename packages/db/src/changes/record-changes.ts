import type pg from 'pg'

/** Under which id changes of all apps are announced to the platform. There is no app of this id. */
export const PLATFORM_APP_ID = '00000000-0000-0000-0000-000000000000'

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

/** Announces something to those who watch its app, and to the platform. */
export function recordForPlatform(
  client: pg.Pool | pg.ClientBase,
  changes: readonly NewChange[],
): Promise<void> {
  return recordChanges(
    client,
    changes.flatMap((change) => [change, { ...change, appId: PLATFORM_APP_ID }]),
  )
}
