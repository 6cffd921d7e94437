import { type Approval, type ApprovalRepository, inTransaction } from '@posthorn/db'
import type { Posthorn, PublishContext } from '@posthorn/engine'
import { tellApp } from '@posthorn/engine/approvals'
import type { ServicePool } from '@posthorn/engine/config'

/** What decisions are made with. */
export interface DecisionParts {
  readonly posthorn: Posthorn
  readonly pool: ServicePool
  readonly approvals: ApprovalRepository
}

export interface Decision {
  /** null: whichever app it is of */
  readonly appId: string | null
  /** uuid */
  readonly id: string
  readonly decision: 'approved' | 'rejected'
  readonly by: string
  readonly note: string | undefined
  readonly context: PublishContext
}

/**
 * Decides an approval and tells the app, in one transaction: by an event to those of its endpoints that subscribe to
 * decisions, else to the endpoint of the capability. The same decision again tells nobody anew.
 *
 * @throws NotFoundError; ConflictError when it has expired or was decided otherwise
 */
export async function decideApproval(
  { posthorn, pool, approvals }: DecisionParts,
  input: Decision,
): Promise<Approval> {
  const { appId, id, decision, by, note } = input
  const { approval, changed } = await inTransaction(pool, async (client) => {
    const decided = await approvals.decide(client, appId, id, { decision, by, note })
    if (!decided.changed) return decided
    const eventId = await tellApp(client, posthorn, decided.approval, input.context)
    await approvals.setEvent(client, id, eventId)
    return { changed: true, approval: { ...decided.approval, eventId } }
  })
  if (changed) {
    posthorn.changed()
    // It is committed: a worker that is not woken finds it by itself.
    await posthorn.wake().catch(() => undefined)
  }
  return approval
}
