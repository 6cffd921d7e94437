import { initialState } from '@posthorn/circuit-breaker'
import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { capability, createApp, newManifest } from '../../test/call-support.ts'
import { accept, accepted, count, insertEndpoint, keyring, newEvent, rowsOf } from '../../test/support.ts'
import { PostgresCircuitStore } from '../circuits/postgres-circuit-store.ts'
import { EndpointRepository } from '../endpoints/endpoint-repository.ts'
import { DEFAULT_APP_ID } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { AppRepository } from './app-repository.ts'
import { ManifestRepository } from './manifest-repository.ts'

describe('manifests', () => {
  let db: TestDatabase
  let manifests: ManifestRepository
  let endpoints: EndpointRepository
  let circuits: PostgresCircuitStore
  let appId: string
  beforeAll(async () => {
    db = await createTestDatabase()
    manifests = new ManifestRepository(db.pool, keyring)
    endpoints = new EndpointRepository(db.pool, keyring)
    circuits = new PostgresCircuitStore(db.pool)
  })
  beforeEach(async () => {
    appId = await createApp(db.pool)
  })
  afterAll(() => db.drop())

  const callable = async () =>
    new Map((await manifests.callable(appId))?.endpoints.map((endpoint) => [endpoint.capability, endpoint]))
  const idOf = async (name: string) => (await callable()).get(name)?.id ?? 'there is none'
  const open = (...keys: string[]) =>
    circuits.apply(keys.map((key) => ({ key, events: [{ type: 'force', to: 'forced_open' }] })))
  const stateOf = async (id: string) => (await circuits.read([id])).get(id)

  it('come back as they were written, key by key, with every version kept', async () => {
    const manifest = { z: 1, webhooks: { b: 'https://b.test', a: { url: 'x', data: '\0\ud800' } } }
    const first = await manifests.replace(appId, {
      ...newManifest(),
      manifest,
      healthUrl: 'https://b.test/up',
    })
    expect(first).toEqual({
      version: 1,
      manifest,
      healthUrl: 'https://b.test/up',
      createdAt: expect.any(Date),
      createdBy: 'tests',
    })
    expect(JSON.stringify((await manifests.current(appId))?.manifest)).toBe(JSON.stringify(manifest))
    const second = await manifests.replace(appId, newManifest(capability('quote')))
    expect(second.version).toBe(2)
    expect(await manifests.current(appId)).toEqual(second)
    expect((await manifests.callable(appId))?.manifest).toEqual(second)
    expect(await count(db.pool, 'manifests', `app_id = '${appId}'`)).toBe(2)
  })

  it('make an endpoint for each capability, which no published event reaches, with the secrets of the app', async () => {
    await manifests.replace(
      appId,
      newManifest(capability('quote', { timeoutMs: 1_234 }), capability('winner')),
    )
    const made = await endpoints.get(appId, await idOf('quote'))
    expect(made).toMatchObject({
      ...{ appId, origin: 'manifest', capability: 'quote', url: 'https://shop.example.test/quote' },
      ...{ eventTypes: [], timeoutMs: 1_234, connectTimeoutMs: 2_000, enabled: true, pausedAt: null },
      retry: capability('quote').retry,
      circuit: capability('quote').circuit,
    })
    expect(made?.secrets.map(({ secret }) => secret)).toEqual((await manifests.callable(appId))?.secrets)
    const [answer] = await accept(db.pool, [newEvent({ appId })])
    expect(accepted(answer).deliveryIds).toEqual([])
  })

  it('give an app a secret that has none yet', async () => {
    await manifests.replace(DEFAULT_APP_ID, newManifest(capability('quote')))
    const app = await manifests.callable(DEFAULT_APP_ID)
    expect(app?.secrets).toEqual([expect.stringMatching(/^whsec_/)])
    const endpoint = await endpoints.get(DEFAULT_APP_ID, app?.endpoints[0]?.id ?? '')
    expect(endpoint?.secrets).toEqual([{ secret: app?.secrets[0] }])
    await manifests.replace(DEFAULT_APP_ID, newManifest(capability('quote')))
    expect((await manifests.callable(DEFAULT_APP_ID))?.secrets).toEqual(app?.secrets)
  })

  it('keep the circuit of a capability whose URL stays, and begin it anew where it is another', async () => {
    await manifests.replace(appId, newManifest(capability('quote'), capability('winner')))
    const before = await callable()
    const [quote, winner] = [await idOf('quote'), await idOf('winner')]
    await open(quote, winner)
    await manifests.replace(
      appId,
      newManifest(
        capability('quote', { timeoutMs: 9_000 }),
        capability('winner', { url: 'https://elsewhere.example.test/w' }),
      ),
    )
    const after = await callable()
    expect(after.get('quote')).toEqual({ ...before.get('quote'), timeoutMs: 9_000 })
    expect(after.get('winner')).toEqual({ ...before.get('winner'), url: 'https://elsewhere.example.test/w' })
    expect(await stateOf(quote)).toMatchObject({ name: 'forced_open' })
    expect(await stateOf(winner)).toMatchObject({ name: 'closed' })
    expect((await stateOf(winner))?.epoch).toBeGreaterThan(initialState().epoch + 1)
  })

  it('take the endpoint of a capability that is left out, and give it a new one when it comes back', async () => {
    await manifests.replace(appId, newManifest(capability('quote'), capability('winner')))
    const [quote, winner] = [await idOf('quote'), await idOf('winner')]
    await manifests.replace(appId, newManifest(capability('quote')))
    expect([...(await callable()).keys()]).toEqual(['quote'])
    expect(await endpoints.get(appId, winner)).toBeUndefined()
    expect(await endpoints.load([winner])).toMatchObject([{ enabled: false }])
    await manifests.replace(appId, newManifest(capability('winner'), capability('quote')))
    expect(await idOf('quote')).toBe(quote)
    expect(await idOf('winner')).not.toBe(winner)
  })

  it('put an endpoint back in service that had been taken out of it', async () => {
    await manifests.replace(appId, newManifest(capability('quote')))
    const id = await idOf('quote')
    await endpoints.disable(id, 'It answered 410 Gone.')
    expect(await idOf('quote')).toBe(id)
    await manifests.replace(appId, newManifest(capability('quote')))
    expect(await endpoints.get(appId, id)).toMatchObject({ enabled: true, disabledReason: null })
  })

  it.each([
    [
      'a URL that is too long',
      [capability('added', { url: `https://x.test/${'x'.repeat(2_048)}` })],
      '23514',
    ],
    ['a duration that does not fit', [capability('added', { timeoutMs: 2 ** 40 })], '22003'],
    ['a new name twice', [capability('added'), capability('added')], '23505'],
  ])('with %s change nothing at all', async (_, added, code) => {
    await manifests.replace(appId, newManifest(capability('quote'), capability('winner')))
    await open(await idOf('quote'))
    const before = await manifests.callable(appId)
    const bad = newManifest(capability('quote', { url: 'https://moved.example.test/' }), ...added)
    await expect(manifests.replace(appId, bad)).rejects.toMatchObject({ code })
    expect(await manifests.callable(appId)).toEqual(before)
    expect(await stateOf(await idOf('quote'))).toMatchObject({ name: 'forced_open' })
    expect(await count(db.pool, 'endpoints', `app_id = '${appId}'`)).toBe(2)
  })

  it('need an app that is there', async () => {
    await expect(manifests.replace(uuidv7(), newManifest())).rejects.toMatchObject({ code: 'not_found' })
    await manifests.replace(appId, newManifest(capability('quote')))
    await new AppRepository(db.pool, keyring).remove(appId)
    await expect(manifests.replace(appId, newManifest())).rejects.toMatchObject({ code: 'not_found' })
    expect(await manifests.callable(appId)).toBeUndefined()
  })

  it('that many put at once are taken one after the other, each whole', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const put = (n: number) => {
      const mine = names.filter((_, at) => (n + at) % 3 !== 0)
      const order = n % 2 === 0 ? mine : mine.toReversed()
      return manifests.replace(
        appId,
        newManifest(
          ...order.map((name) => capability(name, { url: `https://${n % 4}.example.test/${name}` })),
        ),
      )
    }
    const rotate = () => new AppRepository(db.pool, keyring).rotateSecret(appId, 60_000)
    const stored = await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 4 === 3 ? rotate() : put(n))))
    const versions = stored.flatMap((one) => (one && 'version' in one ? [one.version] : []))
    expect(versions.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const app = await manifests.callable(appId)
    const webhooks = Object.fromEntries(app?.endpoints.map(({ capability: name, url }) => [name, url]) ?? [])
    expect(app?.manifest?.manifest).toEqual({ webhooks })
    for (const { id } of app?.endpoints ?? [])
      expect((await endpoints.get(appId, id))?.secrets.map(({ secret }) => secret)).toEqual(app?.secrets)
  })

  it('come first among the endpoints of one name; of those made through the API the last in service', async () => {
    const own = (name: string) => insertEndpoint(db.pool, { appId, capability: name })
    const [first, second, third] = [await own('quote'), await own('quote'), await own('quote')]
    await insertEndpoint(db.pool, { appId })
    expect([...(await callable()).values()]).toMatchObject([{ id: third.id, origin: 'api' }])
    await endpoints.disable(third.id, 'because')
    expect(await idOf('quote')).toBe(second.id)
    await endpoints.remove(appId, second.id)
    expect(await idOf('quote')).toBe(first.id)
    await manifests.replace(appId, newManifest(capability('quote')))
    expect([...(await callable()).values()]).toMatchObject([{ capability: 'quote', origin: 'manifest' }])
    expect((await endpoints.get(appId, first.id))?.origin).toBe('api')
  })

  it('announce the circuits that they reset', async () => {
    await manifests.replace(appId, newManifest(capability('quote')))
    await open(await idOf('quote'))
    await manifests.replace(appId, newManifest(capability('quote', { url: 'https://moved.example.test/' })))
    const changes = await rowsOf(
      db.pool,
      `select data ->> 'to' as "to" from posthorn.changes where app_id = $1 and type = 'circuit' order by xid, seq`,
      [appId],
    )
    expect(changes).toEqual([{ to: 'forced_open' }, { to: 'closed' }])
  })
})
