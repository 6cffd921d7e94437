import type pg from 'pg'
import { typePatterns } from '../events/accept.ts'

/** Whether an event of a type would reach an endpoint of the app if it were published now. */
export async function subscribes(
  client: pg.Pool | pg.ClientBase,
  appId: string,
  eventType: string,
): Promise<boolean> {
  const { rows } = await client.query<{ subscribes: boolean }>(
    `select exists (
       select from posthorn.endpoints e
        where e.app_id = $1 and e.event_types && $2 and e.enabled and e.deleted_at is null) as subscribes`,
    [appId, typePatterns(eventType)],
  )
  return rows[0]?.subscribes ?? false
}
