import { uuidv7 } from '@posthorn/core'
import { databaseTime, type Endpoint, recordAttempt } from '@posthorn/db'
import { createSigner } from '@posthorn/dispatcher/signing'
import type pg from 'pg'
import { attemptView } from '../deliveries/delivery-view.ts'
import type { AttemptView } from '../types.ts'
import { secretsInForce } from '../worker/endpoint-cache.ts'
import { attemptRecord, type SendSettings, send } from '../worker/send.ts'

const TEST_PAYLOAD = '{"message":"This is a test of your endpoint by Posthorn."}'

/** Sends one signed request of type `posthorn.test` and logs it as an attempt; it is no delivery and opens no circuit. */
export function createEndpointTest(parts: { sending: SendSettings; pool: pg.Pool }) {
  return async (endpoint: Endpoint): Promise<AttemptView> => {
    const nowMs = await databaseTime(parts.pool)
    const id = uuidv7()
    const result = await send(parts.sending, {
      delivery: {
        id,
        eventId: id,
        endpointId: endpoint.id,
        appId: endpoint.appId,
        maxAttempts: 1,
        expiresAtMs: nowMs + endpoint.timeoutMs,
        headers: null,
        orderingKey: null,
        cancelRequested: false,
        payload: TEST_PAYLOAD,
        eventType: 'posthorn.test',
        requestId: null,
        traceId: null,
        receivedAtMs: nowMs,
        endpointVersion: endpoint.version,
        circuit: { epoch: 0, name: 'closed', consecutiveFailures: 0 },
      },
      payload: TEST_PAYLOAD,
      target: { endpoint, signer: createSigner(secretsInForce(endpoint, nowMs).map(({ secret }) => secret)) },
      number: 1,
      nowMs,
      signal: new AbortController().signal,
    })
    const attempt = attemptRecord(result, {
      kind: 'test',
      number: 1,
      startedAtMs: nowMs,
      workerId: parts.sending.workerId,
      circuitEpoch: 0,
    })
    await recordAttempt(parts.pool, endpoint.id, attempt)
    return attemptView(attempt)
  }
}
