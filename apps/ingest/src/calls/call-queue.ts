import { formatId } from '@posthorn/core'
import type { CallQueue } from '@posthorn/delegator'
import { type Posthorn, rawJson } from '@posthorn/engine'

/** Asynchronous calls as deliveries, each owed to the one endpoint of its capability. */
export function callQueue(posthorn: Pick<Posthorn, 'forApp'>): CallQueue {
  return {
    async enqueue({ appId, endpointId, capability, callId, context, payloadText, requestId, traceparent }) {
      const { deliveryIds } = await posthorn.forApp(appId).enqueue(
        {
          endpointId: formatId('ep', endpointId),
          type: capability,
          payload: rawJson(payloadText, { isChecked: true }),
          metadata: { callId: formatId('call', callId), context },
        },
        {
          context: {
            source: 'call',
            httpRequestId: requestId,
            ...(traceparent !== undefined && { traceparent }),
          },
        },
      )
      const [deliveryId] = deliveryIds
      if (deliveryId === undefined) throw new Error('the call was taken, and no delivery made of it')
      return { deliveryId }
    },
  }
}
