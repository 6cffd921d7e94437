import { formatId, NotFoundError, parseId } from '@posthorn/core'
import { type Approval, type ApprovalRepository, inTransaction, subscribes } from '@posthorn/db'
import type { AppDirectory } from '@posthorn/delegator'
import { type Posthorn, type PublishContext, rawJson } from '@posthorn/engine'
import type { ServiceConnection, ServicePool } from '@posthorn/engine/config'
import { withPayload } from './view.ts'

/** What decisions are made with. */
export interface DecisionParts {
  readonly posthorn: Posthorn
  readonly pool: ServicePool
  readonly approvals: ApprovalRepository
  readonly apps: AppDirectory
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
export async function decideApproval(parts: DecisionParts, input: Decision): Promise<Approval> {
  const { posthorn, pool, approvals } = parts
  const { appId, id, decision, by, note } = input
  // Before the transaction: in it, a second connection of the pool would be waited for by all who hold one.
  const endpointId = await endpointOf(parts, appId, id)
  const { approval, changed } = await inTransaction(pool, async (client) => {
    const decided = await approvals.decide(client, appId, id, { decision, by, note })
    if (!decided.changed) return decided
    const eventId = await tellApp(client, posthorn, decided.approval, { endpointId, context: input.context })
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

/** The endpoint of the capability, as long as the app offers it. */
async function endpointOf(
  { approvals, apps }: DecisionParts,
  appId: string | null,
  id: string,
): Promise<string | undefined> {
  const approval = await approvals.get(appId, id)
  if (approval === undefined) return undefined
  return (await apps.find(approval.appId))?.capabilities.get(approval.capability)?.endpointId
}

/** @returns the event's uuid */
async function tellApp(
  client: ServiceConnection,
  posthorn: Posthorn,
  approval: Approval,
  { endpointId, context }: { readonly endpointId: string | undefined; readonly context: PublishContext },
): Promise<string> {
  const scope = posthorn.forApp(approval.appId)
  const type = `approval.${approval.status}`
  const event = { type, payload: rawJson(payloadOf(approval), { isChecked: true }) }
  const options = { tx: client, context }
  const isPublished = endpointId === undefined || (await subscribes(client, approval.appId, type))
  // Without anybody to tell, it is kept as an event all the same.
  const publish = () => scope.publish(event, options)
  const accepted = isPublished
    ? await publish()
    : // Taken away a moment ago, and found so before the transaction was touched.
      await scope
        .enqueue({ ...event, endpointId: formatId('ep', endpointId) }, options)
        .catch((error) => (error instanceof NotFoundError ? publish() : Promise.reject(error)))
  return parseId('evt', accepted.eventId) ?? accepted.eventId
}

function payloadOf(approval: Approval): string {
  const { capability, status, note, decidedAt, context } = approval
  return withPayload(
    {
      approvalId: formatId('apr', approval.id),
      callId: formatId('call', approval.callId),
      ...{ capability, status, note, decidedAt, context },
    },
    approval,
  )
}
