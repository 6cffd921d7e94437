import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { attemptSchema } from '../src/deliveries/schemas.ts'
import {
  circuitSchema,
  endpointSchema,
  newEndpointSchema,
  newSecretSchema,
} from '../src/endpoints/schemas.ts'
import { pageOf } from '../src/http/fields.ts'
import { type Client, clientOf } from './support/client.ts'
import { startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'

let service: TestService
let admin: Client
let operator: Client

beforeAll(async () => {
  service = await startService()
  admin = clientOf(service.url, await service.key('admin'))
  operator = clientOf(service.url, await service.key('operator'))
})
afterAll(() => service.stop())

const PATH = '/api/v1/endpoints'
const make = async (more: object = {}) => {
  const answer = await admin(PATH, { json: { url: 'http://127.0.0.1:9/hook', ...more } })
  expect(answer.text).toContain('"id"')
  expect(answer.status).toBe(201)
  return newEndpointSchema.parse(answer.json())
}

describe('endpoints', () => {
  it('are made with a secret that is shown once', async () => {
    const answer = await admin(PATH, {
      json: {
        url: 'http://127.0.0.1:9/hook',
        eventTypes: ['order.*'],
        description: 'Orders',
        headers: { authorization: 'Bearer s3cret', 'x-shop': '1' },
        timeoutMs: 1_000,
        retry: [1_000, 2_000],
        successCodes: [202],
        maxConcurrency: 2,
        rateLimit: { limit: 10, periodMs: 1_000 },
        circuit: { failureThreshold: 9 },
      },
    })
    expect(answer.status).toBe(201)
    const made = newEndpointSchema.parse(answer.json())
    expect(answer.headers.get('location')).toBe(`${PATH}/${made.id}`)
    expect(made).toMatchObject({
      secret: expect.stringMatching(/^whsec_/),
      retry: { maxAttempts: 3 },
      circuit: { failureThreshold: 9 },
    })
    const shown = await admin(`${PATH}/${made.id}`)
    expect(endpointSchema.parse(shown.json())).toMatchObject({ eventTypes: ['order.*'], successCodes: [202] })
    expect(shown.text).not.toMatch(/whsec_|s3cret/)
  })

  it('have a public key where they sign with v1a', async () => {
    const made = await make({ signing: 'v1a' })
    expect(made.secret).toMatch(/^whsk_/)
    expect(made.publicKey).toMatch(/^whpk_/)
  })

  it('are listed in pages', async () => {
    const made = [await make(), await make(), await make()]
    const first = pageOf(endpointSchema).parse((await admin(`${PATH}?limit=2`)).json())
    expect(first.data.map(({ id }) => id)).toEqual([made[2]?.id, made[1]?.id])
    const second = pageOf(endpointSchema).parse((await admin(`${PATH}?limit=2&cursor=${first.next}`)).json())
    expect(second.data[0]?.id).toBe(made[0]?.id)
    const back = pageOf(endpointSchema).parse((await admin(`${PATH}?limit=2&cursor=${second.prev}`)).json())
    expect(back.data).toEqual(first.data)
  })

  it('change in what is given', async () => {
    const made = await make({ description: 'before', eventTypes: ['a'] })
    const changed = await admin(`${PATH}/${made.id}`, {
      method: 'PATCH',
      json: { description: null, enabled: false },
    })
    expect(endpointSchema.parse(changed.json())).toMatchObject({
      description: null,
      enabled: false,
      eventTypes: ['a'],
    })
  })

  it('are removed', async () => {
    const { id } = await make()
    const answer = await admin(`${PATH}/${id}`, { method: 'DELETE' })
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect((await admin(`${PATH}/${id}`)).status).toBe(404)
    expect((await admin(`${PATH}/${id}`, { method: 'DELETE' })).status).toBe(404)
  })

  it('pause and resume, with or without an empty body', async () => {
    const { id } = await make()
    const paused = await operator(`${PATH}/${id}/pause`, { method: 'POST' })
    expect(endpointSchema.parse(paused.json()).pausedAt).toEqual(expect.any(String))
    const typed = await operator(`${PATH}/${id}/pause`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    expect(typed.status).toBe(200)
    const resumed = await operator(`${PATH}/${id}/resume`, { json: {} })
    expect(endpointSchema.parse(resumed.json()).pausedAt).toBeNull()
    const wrong = await operator(`${PATH}/${id}/pause`, { json: { force: true } })
    expect(wrong.problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'force', message: 'is not a known field' }],
    })
  })

  it('get a new secret', async () => {
    const made = await make()
    const rotated = newSecretSchema.parse(
      (await admin(`${PATH}/${made.id}/rotate-secret`, { json: { graceMs: 0 } })).json(),
    )
    expect(rotated.secret).toMatch(/^whsec_/)
    expect(rotated.secret).not.toBe(made.secret)
    expect((await admin(`${PATH}/${made.id}/rotate-secret`, { method: 'POST' })).status).toBe(200)
    const wrong = await admin(`${PATH}/${made.id}/rotate-secret`, { json: { graceMs: -1 } })
    expect(wrong.problem()).toMatchObject({ status: 422, errors: [{ path: 'graceMs' }] })
  })

  it('are tested with a signed request', async () => {
    await using receiver = await startReceiver()
    const { id } = await make({ url: receiver.url })
    const attempt = attemptSchema.parse((await operator(`${PATH}/${id}/test`, { method: 'POST' })).json())
    expect(attempt).toMatchObject({ success: true, statusCode: 200 })
    expect(receiver.received[0]?.headers).toMatchObject({
      'webhook-signature': expect.stringMatching(/^v1,/),
    })
  })

  it('show and reset their circuits', async () => {
    const { id } = await make()
    const path = `/api/v1/admin/circuit-breaker/endpoints/${id}`
    expect(circuitSchema.parse((await operator(path)).json())).toMatchObject({
      endpointId: id,
      state: 'closed',
    })
    expect(circuitSchema.parse((await operator(`${path}/reset`, { method: 'POST' })).json()).state).toBe(
      'closed',
    )
  })
})

describe('what endpoints refuse', () => {
  it.each<[string, object, string[]]>([
    ['no URL', {}, ['url']],
    ['no URL at all', { url: 'nonsense' }, ['url']],
    ['another scheme', { url: 'ftp://127.0.0.1/' }, ['url']],
    ['a private address', { url: 'http://10.0.0.1/' }, ['url']],
    ['metadata', { url: 'http://169.254.169.254/latest' }, ['url']],
    ['an endless URL', { url: `http://127.0.0.1/${'x'.repeat(2_048)}` }, ['url']],
    ['a line break in a URL', { url: 'http://127.0\n.0.1/' }, ['url']],
    ['blanks around a URL', { url: ' http://127.0.0.1/ ' }, ['url']],
    ['no host', { url: 'http:///127.0.0.1' }, ['url']],
    ['one slash', { url: 'http:/127.0.0.1/' }, ['url']],
    ['NUL in a URL', { url: 'http://127.0.0.1/\0' }, ['url']],
    ['a bad filter', { url: 'http://127.0.0.1/', eventTypes: ['order.*', 'a b'] }, ['eventTypes[1]']],
    ['an unknown field', { url: 'http://127.0.0.1/', secret: 'mine' }, ['secret']],
    ['a huge timeout', { url: 'http://127.0.0.1/', timeoutMs: 1e21 }, ['timeoutMs']],
    ['a bad retry policy', { url: 'http://127.0.0.1/', retry: [1, 'x'] }, ['retry[1]']],
    ['an unknown preset', { url: 'http://127.0.0.1/', retry: 'often' }, ['retry']],
    [
      'bad circuit settings',
      { url: 'http://127.0.0.1/', circuit: { failureThreshold: -1 } },
      ['circuit.failureThreshold'],
    ],
    ['half a pair', { url: 'http://127.0.0.1/', description: '\ud800' }, ['description']],
    ['several mistakes', { url: 1, format: 'xml', signing: 'v2' }, ['url', 'format', 'signing']],
  ])('%s', async (_name, json, paths) => {
    const problem = (await admin(PATH, { json })).problem()
    expect(problem).toMatchObject({ status: 422, code: 'validation' })
    expect((problem.errors ?? []).map((error) => error.path).sort()).toEqual([...paths].sort())
  })

  it('says what is wrong with credentials in a URL, and repeats none of them', async () => {
    const made = await make()
    for (const [method, path] of [
      ['POST', PATH],
      ['PATCH', `${PATH}/${made.id}`],
    ] as const) {
      const answer = await admin(path, { method, json: { url: 'http://tom:hunter2@127.0.0.1/' } })
      expect(answer.problem()).toMatchObject({
        status: 422,
        errors: [
          { path: 'url', message: 'contains a user name or password', expected: 'credentials in a header' },
        ],
      })
      expect(answer.text).not.toContain('hunter2')
    }
  })

  it.each(['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'cursor=nonsense', 'order=asc'])(
    'the query %s',
    async (query) => {
      const problem = (await admin(`${PATH}?${query}`)).problem()
      expect(problem).toMatchObject({ status: 422, errors: [{ path: query.split('=')[0] }] })
    },
  )

  it('a body that is no JSON, or none', async () => {
    expect((await admin(PATH, { body: '{"url":' })).problem()).toMatchObject({
      status: 400,
      code: 'malformed',
    })
    expect((await admin(PATH, { body: Buffer.from([0x22, 0xff, 0x22]) })).problem()).toMatchObject({
      status: 400,
    })
    expect((await admin(PATH, { method: 'POST' })).problem()).toMatchObject({ status: 422 })
    const deep = await admin(PATH, {
      body: `{"url":"http://127.0.0.1/","retry":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    })
    expect(deep.status).toBe(422)
    const circuit = await admin(PATH, {
      body: `{"url":"http://127.0.0.1/","circuit":{"window":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`,
    })
    expect(circuit.status).toBe(422)
  })
})
