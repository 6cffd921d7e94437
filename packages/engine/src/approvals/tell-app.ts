import { formatId, NotFoundError, parseId } from '@posthorn/core'
import { type Approval, endpointOfCapability, subscribes } from '@posthorn/db'
import type pg from 'pg'
import { rawJson } from '../events/raw-json.ts'
import type { Posthorn, PublishContext } from '../types.ts'
import { withPayload } from './with-payload.ts'

/**
 * Publishes what became of an approval as `approval.<status>`, in the transaction of `client`: to those endpoints of its app
 * that subscribe to it, else to the endpoint of the capability. Without anybody to tell, it is kept as an event all the same.
 *
 * @returns the event's uuid
 */
export async function tellApp(
  client: pg.ClientBase,
  posthorn: Posthorn,
  approval: Approval,
  context: PublishContext,
): Promise<string> {
  const { appId, capability, status } = approval
  const scope = posthorn.forApp(appId)
  const type = `approval.${status}`
  const event = { type, payload: rawJson(payloadOf(approval), { isChecked: true }) }
  const options = { tx: client, context }
  const publish = () => scope.publish(event, options)
  const endpointId = (await subscribes(client, appId, type))
    ? undefined
    : await endpointOfCapability(client, appId, capability)
  const accepted =
    endpointId === undefined
      ? await publish()
      : // Taken away a moment ago, and found so before the transaction was touched.
        await scope
          .enqueue({ ...event, endpointId: formatId('ep', endpointId) }, options)
          .catch((error) => (error instanceof NotFoundError ? publish() : Promise.reject(error)))
  return parseId('evt', accepted.eventId) ?? accepted.eventId
}

function payloadOf(approval: Approval): string {
  const { capability, status, note, decidedAt, expiresAt, context } = approval
  return withPayload(
    {
      approvalId: formatId('apr', approval.id),
      callId: formatId('call', approval.callId),
      ...{ capability, status, note, decidedAt, expiresAt, context },
    },
    approval,
  )
}
