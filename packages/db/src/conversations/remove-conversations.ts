import { formatId } from '@posthorn/core'
import type pg from 'pg'
import { recordChanges } from '../changes/record-changes.ts'
import { inTransaction } from '../database.ts'

/**
 * Removes conversations with what was said and done in them. The caller's transaction has locked them, as a projection does:
 * nothing is written to one that goes.
 */
export async function removeLocked(client: pg.ClientBase, ids: readonly string[]): Promise<void> {
  await client.query('delete from posthorn.messages where conversation_id = any($1::uuid[])', [ids])
  await client.query('delete from posthorn.tool_uses where conversation_id = any($1::uuid[])', [ids])
  await client.query('delete from posthorn.conversations where id = any($1::uuid[])', [ids])
}

/** Removes a conversation of an app and announces it. False when there is none. */
export function removeConversation(pool: pg.Pool, appId: string, id: string): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ session_id: string }>(
      'select session_id from posthorn.conversations where app_id = $1 and id = $2 for update',
      [appId, id],
    )
    const [found] = rows
    if (!found) return false
    await removeLocked(client, [id])
    const data = { id: formatId('conv', id), sessionId: found.session_id, status: 'deleted' }
    await recordChanges(client, [{ appId, type: 'conversation_update', data }])
    return true
  })
}
