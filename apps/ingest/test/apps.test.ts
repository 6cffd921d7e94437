import { formatId } from '@posthorn/core'
import { DEFAULT_APP_ID } from '@posthorn/db'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appSchema, capabilitiesSchema, manifestSchema, newAppSchema } from '../src/apps/schemas.ts'
import { pageOf } from '../src/http/fields.ts'
import { type Client, clientOf } from './support/client.ts'
import { makeCallable, putManifest } from './support/manifest.ts'
import { startService, type TestService } from './support/service.ts'

const APPS = '/api/v1/apps'
const URL_A = 'http://127.0.0.1:9/a'

let service: TestService
let admin: Client

beforeAll(async () => {
  service = await startService({ env: { CALL_FALLBACKS: 'tax=last-good', WEBHOOK_TIMEOUT_TAX: '4000' } })
  admin = clientOf(service.url, await service.key('admin'))
})
afterAll(() => service.stop())

const endpointsOf = async (appId: string) =>
  (await admin('/api/v1/endpoints', { headers: { 'x-posthorn-app': appId } })).json<{
    data: { id: string; origin: string; capability: string; url: string }[]
  }>().data

describe('apps', () => {
  it('are made with a secret that is shown once', async () => {
    const answer = await admin(APPS, { json: { name: 'Quiz', contacts: ['a@example.com', 'a@example.com'] } })
    expect(answer.status).toBe(201)
    const made = newAppSchema.parse(answer.json())
    expect(answer.headers.get('location')).toBe(`${APPS}/${made.id}`)
    expect(made).toMatchObject({ secret: expect.stringMatching(/^whsec_/), contacts: ['a@example.com'] })
    const shown = await admin(`${APPS}/${made.id}`)
    expect(appSchema.parse(shown.json())).toMatchObject({ id: made.id, name: 'Quiz' })
    expect(shown.text).not.toContain('whsec_')
  })

  it('are listed in pages, newest first', async () => {
    const made = [await makeCallable(admin), await makeCallable(admin)]
    const page = pageOf(appSchema).parse((await admin(`${APPS}?limit=1`)).json())
    expect(page.data.map(({ id }) => id)).toEqual([made[1]?.id])
    const next = pageOf(appSchema).parse((await admin(`${APPS}?limit=1&cursor=${page.next}`)).json())
    expect(next.data.map(({ id }) => id)).toEqual([made[0]?.id])
  })

  it('change in what is given', async () => {
    const { id } = await makeCallable(admin)
    const contacts = ['b@example.com']
    const changed = await admin(`${APPS}/${id}`, { method: 'PATCH', json: { contacts } })
    expect(appSchema.parse(changed.json())).toMatchObject({ name: 'Quiz', contacts })
    const renamed = await admin(`${APPS}/${id}`, { method: 'PATCH', json: { name: 'Other' } })
    expect(appSchema.parse(renamed.json())).toMatchObject({ name: 'Other', contacts })
  })

  it('get a new secret', async () => {
    const { id, secret } = await makeCallable(admin, { tax: URL_A })
    const rotated = (await admin(`${APPS}/${id}/rotate-secret`, { method: 'POST' })).json<{
      secret: string
    }>()
    expect(rotated.secret).toMatch(/^whsec_/)
    expect(rotated.secret).not.toBe(secret)
  })

  it.each<[string, object, string[]]>([
    ['no name', {}, ['name']],
    ['an empty name', { name: '' }, ['name']],
    ['what is no address', { name: 'a', contacts: ['b', 1] }, ['contacts[0]', 'contacts[1]']],
    ['an unknown field', { name: 'a', secret: 'x' }, ['secret']],
  ])('refuse %s', async (_name, json, paths) => {
    const problem = (await admin(APPS, { json })).problem()
    expect(problem).toMatchObject({ status: 422, code: 'validation' })
    expect(problem.errors?.map(({ path }) => path).sort()).toEqual(paths)
  })

  it('that are deleted are gone, with their endpoints and keys, and are served for seconds at most', async () => {
    const { id, uuid } = await makeCallable(admin, { tax: URL_A })
    const own = clientOf(service.url, await service.key('admin', uuid))
    expect((await own(`${APPS}/${id}`)).status).toBe(200)
    expect((await admin(`${APPS}/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await admin(`${APPS}/${id}`, { method: 'DELETE' })).status).toBe(404)
    const call = () => admin(`${APPS}/${id}/capabilities/tax/call`, { json: { payload: 1 } })
    expect((await call()).problem()).toMatchObject({ status: 404 })
    const patience = { timeout: 15_000, interval: 200 }
    await expect.poll(async () => (await own(`${APPS}/${id}`)).status, patience).toBe(401)
    const inHeader = () => admin('/api/v1/endpoints', { headers: { 'x-posthorn-app': id } })
    await expect.poll(async () => (await inHeader()).status, patience).toBe(404)
  })

  it('do not lose the one that is meant where none is named', async () => {
    const path = `${APPS}/${formatId('app', DEFAULT_APP_ID)}`
    expect((await admin(path, { method: 'DELETE' })).problem()).toMatchObject({ status: 409 })
    expect((await admin(path)).status).toBe(200)
  })
})

describe('the app in a path', () => {
  it('is the one that a request is about, whatever the key says', async () => {
    const [one, other] = [await makeCallable(admin), await makeCallable(admin)]
    const own = clientOf(service.url, await service.key('admin', one.uuid))
    const same = await admin(`${APPS}/${one.id}`, { headers: { 'x-posthorn-app': one.id } })
    expect(same.json()).toMatchObject({ id: one.id })
    const differing = await admin(`${APPS}/${one.id}`, { headers: { 'x-posthorn-app': other.id } })
    expect(differing.problem()).toMatchObject({ status: 422, errors: [{ path: 'x-posthorn-app' }] })
    expect((await admin(`${APPS}/nonsense`)).problem()).toMatchObject({ status: 404 })
    expect((await own(`${APPS}/${one.id}`)).status).toBe(200)
  })

  it('is for no key of another app, on any route, whether there is one or not', async () => {
    const [mine, theirs] = [await makeCallable(admin), await makeCallable(admin, { tax: URL_A })]
    const own = clientOf(service.url, await service.key('admin', mine.uuid))
    const json = {}
    for (const id of [theirs.id, 'app_00000000000070008000000000009999']) {
      for (const [method, path, body] of [
        ['GET', `${APPS}/${id}`],
        ['PATCH', `${APPS}/${id}`, { name: 'mine' }],
        ['POST', `${APPS}/${id}/rotate-secret`, json],
        ['PUT', `${APPS}/${id}/manifest`, { webhooks: {} }],
        ['GET', `${APPS}/${id}/manifest`],
        ['GET', `${APPS}/${id}/capabilities`],
        ['GET', `${APPS}/${id}/calls`],
        ['GET', `/api/v1/admin/circuit-breaker/${id}/tax`],
        ['POST', `/api/v1/admin/circuit-breaker/${id}/tax`, { state: 'forced_open' }],
        ['POST', `/api/v1/admin/circuit-breaker/${id}/tax/reset`, json],
        ['DELETE', `${APPS}/${id}`],
        ['POST', `${APPS}/${id}/capabilities/tax/call`, { payload: 1 }],
      ] as const) {
        const answer = await own(path, { method, ...(body && { json: body }) })
        expect(answer.problem(), `${method} ${path}`).toMatchObject({ status: 403, code: 'forbidden' })
      }
    }
    expect((await admin(`${APPS}/${theirs.id}`)).json()).toMatchObject({ name: 'Quiz' })
  })

  it('is not enough where only the platform may', async () => {
    const { id, uuid } = await makeCallable(admin, { tax: URL_A })
    const own = clientOf(service.url, await service.key('admin', uuid))
    for (const [method, path] of [
      ['POST', APPS],
      ['GET', APPS],
      ['DELETE', `${APPS}/${id}`],
      ['POST', `${APPS}/${id}/capabilities/tax/call`],
    ] as const) {
      const answer = await own(path, { method, ...(method === 'POST' && { json: {} }) })
      expect(answer.problem(), `${method} ${path}`).toMatchObject({ status: 403 })
    }
  })
})

describe('a manifest', () => {
  it('becomes capabilities with every default filled in', async () => {
    const { id } = await makeCallable(admin)
    expect((await admin(`${APPS}/${id}/manifest`)).problem()).toMatchObject({ status: 404 })
    const put = await putManifest(admin, id, {
      tax: URL_A,
      winner_selection: {
        url: 'http://127.0.0.1:9/w',
        timeout: 3_000,
        retry: { maxAttempts: 2 },
        responseSchema: { type: 'object' },
        cacheTtl: 1_000,
      },
      mail: { url: 'http://127.0.0.1:9/m', async: true, fallback: { strategy: 'static', data: [1] } },
    })
    expect(put).toMatchObject({
      version: 1,
      healthUrl: 'http://127.0.0.1:9/health',
      createdBy: 'key:a admin',
    })
    expect(manifestSchema.parse((await admin(`${APPS}/${id}/manifest`)).json())).toEqual(put)
    const { data } = capabilitiesSchema.parse((await admin(`${APPS}/${id}/capabilities`)).json())
    const byName = Object.fromEntries(data.map((capability) => [capability.name, capability]))
    expect(byName['tax']).toMatchObject({
      timeoutMs: 4_000,
      async: false,
      retry: { maxAttempts: 1 },
      fallback: { strategy: 'last-good' },
      hasResponseSchema: false,
      circuit: { state: 'closed', epoch: 0 },
    })
    expect(byName['winner_selection']).toMatchObject({
      timeoutMs: 3_000,
      retry: { maxAttempts: 2 },
      fallback: { strategy: 'random-winner' },
      cacheTtlMs: 1_000,
      hasResponseSchema: true,
    })
    expect(byName['mail']).toMatchObject({
      async: true,
      retry: { maxAttempts: 4, initialDelayMs: 1_000 },
      fallback: { strategy: 'static', options: { data: [1] } },
    })
  })

  it('that is bad changes nothing, and every mistake is told at once with its path', async () => {
    const { id } = await makeCallable(admin, { tax: URL_A })
    const bad = {
      webhooks: {
        tax: { url: 'http://127.0.0.1:9/b', timeout: 5, retry: { maxAttempts: 0 } },
        'Not A Name': 'http://127.0.0.1:9/',
        gone: 'http://169.254.169.254/latest',
        odd: { url: 'http://127.0.0.1:9/', fallback: 'guess', colour: 'red' },
        nul: { url: 'http://127.0.0.1:9/', fallback: { strategy: 'static', data: 'a\0b' } },
      },
      extra: 1,
    }
    const problem = (await admin(`${APPS}/${id}/manifest`, { method: 'PUT', json: bad })).problem()
    expect(problem).toMatchObject({ status: 422, code: 'validation' })
    expect(problem.errors?.map(({ path }) => path).sort()).toEqual([
      'extra',
      'webhooks.gone',
      'webhooks.nul.fallback.data',
      'webhooks.odd.colour',
      'webhooks.odd.fallback',
      'webhooks.tax.retry.maxAttempts',
      'webhooks.tax.timeout',
      'webhooks["Not A Name"]',
    ])
    const shown = (await admin(`${APPS}/${id}/manifest`)).json()
    expect(shown).toMatchObject({ version: 1, manifest: { webhooks: { tax: URL_A } } })
    expect((await endpointsOf(id)).map(({ url }) => url)).toEqual([URL_A])
  })

  it.each([
    ['no object', '[]'],
    ['nothing', 'null'],
    ['no webhooks', '{}'],
  ])('refuses %s', async (_, body) => {
    const { id } = await makeCallable(admin)
    const answer = await admin(`${APPS}/${id}/manifest`, { method: 'PUT', body })
    expect(answer.problem()).toMatchObject({ status: 422, code: 'validation' })
  })

  it('takes the place of the one before; what stays keeps its endpoint and its circuit', async () => {
    const { id } = await makeCallable(admin, { tax: URL_A, quiz_answer: URL_A, gone: URL_A })
    const before = Object.fromEntries((await endpointsOf(id)).map((each) => [each.capability, each.id]))
    const circuit = (name: string) => `/api/v1/admin/circuit-breaker/${id}/${name}`
    for (const name of ['tax', 'quiz_answer'])
      expect((await admin(circuit(name), { json: { state: 'forced_open' } })).status).toBe(200)
    const { version, capabilities } = await putManifest(admin, id, {
      tax: { url: URL_A, timeout: 2_000 },
      quiz_answer: 'http://127.0.0.1:9/elsewhere',
      fresh: URL_A,
    })
    expect(version).toBe(2)
    const after = Object.fromEntries(capabilities.map((each) => [each.name, each]))
    expect(after['tax']).toMatchObject({ endpointId: before['tax'], circuit: { state: 'forced_open' } })
    expect(after['quiz_answer']).toMatchObject({
      endpointId: before['quiz_answer'],
      circuit: { state: 'closed' },
    })
    expect(Object.keys(after).sort()).toEqual(['fresh', 'quiz_answer', 'tax'])
    expect((await admin(circuit('gone'))).problem()).toMatchObject({ status: 404 })
  })

  it('owns its endpoints: they change with it alone', async () => {
    const { id } = await makeCallable(admin, { tax: URL_A })
    const [endpoint] = await endpointsOf(id)
    expect(endpoint).toMatchObject({ origin: 'manifest', capability: 'tax' })
    const headers = { 'x-posthorn-app': id }
    const path = `/api/v1/endpoints/${endpoint?.id}`
    const json = { url: 'http://127.0.0.1:9/' }
    expect((await admin(path, { method: 'PATCH', json, headers })).status).toBe(409)
    expect((await admin(path, { method: 'DELETE', headers })).status).toBe(409)
    expect((await admin(`${path}/pause`, { method: 'POST', headers })).status).toBe(200)
  })
})
