import { uuidv7 } from '@posthorn/core'
import type { CallBatch } from '@posthorn/db'
import type { CallIncident, CallLogBatch, CallRecord } from '@posthorn/delegator'
import { expect, it } from 'vitest'
import { CallRecords } from './call-records.ts'

const at = new Date(0)
const empty: CallLogBatch = {
  calls: [],
  attempts: [],
  notifications: [],
  incidents: [],
  circuitChanges: [],
}
const [appId, endpointId, callId] = [uuidv7(), uuidv7(), uuidv7()]
const about = { appId, capability: 'tax' }
const call: CallRecord = {
  ...{ ...about, id: callId, endpointId, requestId: 'r', outcome: 'ok', source: 'app', fallback: null },
  ...{ reason: null, message: null, ageMs: null, startedAt: at, durationMs: 5, attempts: 1, audit: null },
}
const attempt: CallLogBatch['attempts'][number] = {
  ...{ ...about, id: uuidv7(), callId, endpointId, number: 1, startedAt: at, durationMs: 5, success: true },
  ...{ status: 200, failure: null, errorCode: null, errorMessage: null, timing: { totalMs: 5 } },
  ...{ responseHeaders: null, responseBody: null, responseTruncated: false, circuitEpoch: 0 },
}
const incident: CallIncident = { ...about, kind: 'cache', callId, message: 'it was down', at }

it('says each incident once, and counts what was written once, however often a batch is handed over', async () => {
  const written: CallBatch[] = []
  const lines: [level: string, fields: object][] = []
  const counted: string[] = []
  let isDown = true
  const records = new CallRecords({
    workerId: 'w',
    write: async (batch) => {
      if (isDown) throw new Error('the database is down')
      written.push(batch)
      return []
    },
    metrics: {
      countCall: ({ outcome }) => counted.push(outcome),
      countIncident: (kind) => counted.push(kind),
    },
    logger: {
      info: (fields) => lines.push(['info', fields]),
      error: (fields) => lines.push(['error', fields]),
    },
    changed: () => undefined,
  })
  const batch = { ...empty, calls: [call], attempts: [attempt], incidents: [incident] }
  await expect(records.write(batch)).rejects.toThrow('the database is down')
  isDown = false
  await records.write(batch)
  expect(lines).toEqual([['error', expect.objectContaining({ kind: 'cache', incident: 'it was down' })]])
  expect(counted).toEqual(['cache', 'ok'])
  expect(written).toMatchObject([
    { calls: [{ id: callId }], stats: [{ endpointId, attempts: 1, successes: 1 }] },
  ])
  const next = { ...attempt, id: uuidv7() }
  await records.write({ ...empty, attempts: [next] })
  expect(written[1]).toMatchObject({ stats: [{ endpointId, attempts: 2, successes: 2 }] })
})
