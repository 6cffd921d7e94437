import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, clientOf } from './support/client.ts'
import { startService, type TestService } from './support/service.ts'

let service: TestService
let sender: Client
let reader: Client

beforeAll(async () => {
  service = await startService({ config: { WEBHOOK_BODY_LIMIT: 16_384 } })
  sender = clientOf(service.url, await service.key('ingest'))
  reader = clientOf(service.url, await service.key('read'))
})
afterAll(() => service.stop())

interface BatchAnswer {
  accepted: number
  duplicates: number
  rejected: number
  results: {
    index: number
    id?: string
    duplicate?: boolean
    status: string | number
    code?: string
    errors?: { path: string }[]
  }[]
}

const send = (body: string | Uint8Array, type = 'application/json', headers: Record<string, string> = {}) =>
  sender('/api/v1/events/batch', { body, headers: { 'content-type': type, ...headers } })
const lines = (...parts: string[]) => send(parts.join('\n'), 'application/x-ndjson')

const payloadOf = async (id: string | undefined) => {
  const { text } = await reader(`/api/v1/events/${id}`)
  return text.slice(text.indexOf('"payload":') + '"payload":'.length, -1)
}

describe('POST /api/v1/events/batch', () => {
  it('answers each event of a list, a bad one hiding no good one', async () => {
    const answer = await send(
      '[ {"type":"a","payload": 1e400 }, {"type":"a"}, 7, {"payload":{"b": 1},"type":"a","requestId":"twice"},' +
        '{"type":"a","payload":{"b": 1},"requestId":"twice"}, {"type":"a","payload":2,"requestId":"twice"} ]',
    )
    expect(answer.status).toBe(200)
    const { results, ...counts } = answer.json<BatchAnswer>()
    expect(counts).toEqual({ accepted: 2, duplicates: 1, rejected: 3 })
    expect(results.map((result) => result.index)).toEqual([0, 1, 2, 3, 4, 5])
    expect(results.map((result) => result.status)).toEqual([
      'accepted',
      422,
      422,
      'accepted',
      'accepted',
      422,
    ])
    expect(results[1]?.errors).toMatchObject([{ path: 'payload' }])
    expect(results[2]?.errors).toMatchObject([{ path: '' }])
    expect(results[5]?.code).toBe('idempotency_mismatch')
    expect(results[3]?.id).toBe(results[4]?.id)
    expect([results[3]?.duplicate, results[4]?.duplicate].sort()).toEqual([false, true])
    expect(await payloadOf(results[0]?.id)).toBe('1e400')
    expect(await payloadOf(results[3]?.id)).toBe('{"b": 1}')
  })

  it('answers each line of NDJSON, one that cannot be read as well', async () => {
    const answer = await lines(
      '{"type":"a","payload":"\\u0000"}\r',
      '',
      '{"type":',
      ' \t',
      '{"type":"a","payload": [1] ,"extra":1}',
      '{"type":"a","payload": [1] }',
    )
    const { results, ...counts } = answer.json<BatchAnswer>()
    expect(counts).toEqual({ accepted: 2, duplicates: 0, rejected: 2 })
    expect(results.map((result) => result.status)).toEqual(['accepted', 400, 422, 'accepted'])
    expect(results[2]?.errors).toMatchObject([{ path: 'extra' }])
    expect(await payloadOf(results[3]?.id)).toBe('[1]')
  })

  it('lets bytes that are no UTF-8 fail their line only', async () => {
    const bad = Buffer.concat([
      Buffer.from('{"type":"a","payload":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n'),
    ])
    const answer = await send(
      Buffer.concat([bad, Buffer.from('{"type":"a","payload":1}\n')]),
      'application/x-ndjson',
    )
    expect(answer.json<BatchAnswer>().results.map((result) => result.status)).toEqual([400, 'accepted'])
  })

  it('refuses an event that is larger than one may be, and only that', async () => {
    const answer = await send(`[{"type":"a","payload":"${'x'.repeat(16_384)}"},{"type":"a","payload":1}]`)
    expect(answer.json<BatchAnswer>().results.map((result) => result.status)).toEqual([413, 'accepted'])
  })

  it('takes a thousand events and no more', async () => {
    const events = (count: number) => `[${Array(count).fill('{"type":"a","payload":1}').join(',')}]`
    const full = await send(events(1_000))
    expect(full.json<BatchAnswer>()).toMatchObject({ accepted: 1_000, rejected: 0 })
    expect(new Set(full.json<BatchAnswer>().results.map((result) => result.id)).size).toBe(1_000)
    const refused = await send(events(1_001))
    expect(refused.problem()).toMatchObject({
      status: 422,
      errors: [{ path: '', expected: '1 to 1000 events' }],
    })
    for (const none of [await send('[]'), await lines('', ' ')]) expect(none.status).toBe(422)
  })

  it.each<[string, string, string, number]>([
    ['no list', '{"type":"a","payload":1}', 'application/json', 422],
    ['a broken list', '[{"type":"a","payload":1},', 'application/json', 400],
    ['ten times the size of an event and more', `["${'x'.repeat(163_840)}"]`, 'application/json', 413],
    ['text', 'a', 'text/plain', 415],
  ])('refuses %s as a whole', async (_name, body, type, status) => {
    expect((await send(body, type)).problem().status).toBe(status)
  })

  it('does not pretend that one key names a thousand events', async () => {
    const answer = await send('[{"type":"a","payload":1}]', 'application/json', { 'idempotency-key': 'k' })
    expect(answer.problem()).toMatchObject({ status: 422, errors: [{ path: 'idempotency-key' }] })
  })

  it('does not take NDJSON where one event is expected', async () => {
    const answer = await sender('/api/v1/events', {
      body: '{"type":"a","payload":1}',
      headers: { 'content-type': 'application/x-ndjson' },
    })
    expect(answer.status).toBe(415)
  })
})
