import { ApprovalRepository, inTransaction } from '@posthorn/db'
import type pg from 'pg'
import type { Posthorn } from '../types.ts'
import { tellApp } from './tell-app.ts'

/**
 * Tells apps of approvals whose term passed without a decision, by an event `approval.expired` each; at most `limit`, in
 * one transaction. Any number of processes may do it at once: each approval is told once.
 *
 * @returns how many were told
 */
export async function expireApprovals(posthorn: Posthorn, pool: pg.Pool, limit: number): Promise<number> {
  const approvals = new ApprovalRepository(pool)
  const told = await inTransaction(pool, async (client) => {
    const expired = await approvals.takeExpired(client, limit)
    for (const approval of expired) {
      const eventId = await tellApp(client, posthorn, approval, { source: 'approval' })
      await approvals.setEvent(client, approval.id, eventId)
    }
    return expired.length
  })
  if (told > 0) {
    posthorn.changed()
    // It is committed: a worker that is not woken finds it by itself.
    await posthorn.wake().catch(() => undefined)
  }
  return told
}
