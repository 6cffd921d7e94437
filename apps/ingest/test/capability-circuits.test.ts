import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capabilityCircuitSchema } from '../src/circuits/schemas.ts'
import { pageOf } from '../src/http/fields.ts'
import { type Client, clientOf } from './support/client.ts'
import { makeCallable } from './support/manifest.ts'
import { type Receiver, startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'

const PATIENCE = { timeout: 30_000, interval: 50 }
const CIRCUITS = '/api/v1/admin/circuit-breaker'

let service: TestService
let admin: Client
let operator: Client
let healthy: Receiver

beforeAll(async () => {
  service = await startService({ env: { CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1' } })
  admin = clientOf(service.url, await service.key('admin'))
  operator = clientOf(service.url, await service.key('operator'))
  healthy = await startReceiver((response) => response.end('{}'))
})
afterAll(async () => {
  await healthy[Symbol.asyncDispose]()
  await service.stop()
})

const circuit = async (appId: string) =>
  capabilityCircuitSchema.parse((await operator(`${CIRCUITS}/${appId}/tax`)).json())
const call = async (appId: string) =>
  (await admin(`/api/v1/apps/${appId}/capabilities/tax/call`, { json: { payload: 1 } })).json<{
    outcome: string
    reason?: string
  }>()
const listed = async (client: Client, query = '') =>
  pageOf(capabilityCircuitSchema).parse((await client(`${CIRCUITS}/status${query}`)).json()).data

describe('the circuit of a capability', () => {
  it('is shown with its state, counts and times', async () => {
    const { id } = await makeCallable(admin, { tax: healthy.url })
    expect(await circuit(id)).toMatchObject({
      appId: id,
      appName: 'Quiz',
      capability: 'tax',
      url: healthy.url,
      state: 'closed',
      epoch: 0,
      consecutiveFailures: 0,
      window: null,
      openedAt: null,
      updatedAt: null,
    })
  })

  it('opens after failures, and a reset lets calls through again', async () => {
    let isWell = false
    await using app = await startReceiver((response) => response.writeHead(isWell ? 200 : 500).end('{}'))
    const { id } = await makeCallable(admin, { tax: app.url })
    await call(id)
    await expect.poll(async () => (await circuit(id)).state, PATIENCE).toBe('open')
    expect(await circuit(id)).toMatchObject({
      epoch: 1,
      openedAt: expect.any(String),
      nextProbeAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect(await call(id)).toMatchObject({ reason: 'circuit_open' })
    isWell = true
    const reset = await operator(`${CIRCUITS}/${id}/tax/reset`, { method: 'POST' })
    expect(capabilityCircuitSchema.parse(reset.json())).toMatchObject({ state: 'closed', openedAt: null })
    expect(await call(id)).toMatchObject({ outcome: 'ok' })
  })

  it('is forced open, disabled and closed by a person', async () => {
    const { id } = await makeCallable(admin, { tax: healthy.url })
    const decide = async (state: string) => {
      const answer = await operator(`${CIRCUITS}/${id}/tax`, { json: { state } })
      return capabilityCircuitSchema.parse(answer.json()).state
    }
    expect(await decide('forced_open')).toBe('forced_open')
    expect(await call(id)).toMatchObject({ outcome: 'fallback', reason: 'circuit_open' })
    expect(await decide('disabled')).toBe('disabled')
    expect(await call(id)).toMatchObject({ outcome: 'ok' })
    expect(await decide('closed')).toBe('closed')
    const wrong = (await operator(`${CIRCUITS}/${id}/tax`, { json: { state: 'open' } })).problem()
    expect(wrong).toMatchObject({ status: 422, errors: [{ path: 'state' }] })
  })

  it('of a capability or an app that there is not is a 404', async () => {
    const { id } = await makeCallable(admin, { tax: healthy.url })
    for (const path of [
      `${id}/mail`,
      `${id}/constructor`,
      'app_00000000000070008000000000009999/tax',
      'x/tax',
    ])
      expect((await operator(`${CIRCUITS}/${path}`)).problem(), path).toMatchObject({ status: 404 })
  })
})

describe('circuits', () => {
  it('are listed by state: of every app for the platform, else of one', async () => {
    const [one, other] = [
      await makeCallable(admin, { tax: healthy.url, mail: healthy.url }),
      await makeCallable(admin, { tax: healthy.url }),
    ]
    await operator(`${CIRCUITS}/${other.id}/tax`, { json: { state: 'forced_open' } })
    const own = clientOf(service.url, await service.key('read', one.uuid))
    expect((await listed(own)).map(({ capability }) => capability).sort()).toEqual(['mail', 'tax'])
    expect(await listed(own, '?state=forced_open')).toEqual([])
    const forced = await listed(operator, '?state=forced_open')
    expect(forced.map(({ appId }) => appId)).toContain(other.id)
    expect(new Set(forced.map(({ state }) => state))).toEqual(new Set(['forced_open']))
    const everywhere = (await listed(operator)).map(({ appId }) => appId)
    expect(everywhere).toEqual(expect.arrayContaining([one.id, other.id]))
    expect((await operator(`${CIRCUITS}/status?state=broken`)).problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'state' }],
    })
  })
})
