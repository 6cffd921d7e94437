import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capability, createApp, newManifest } from '../../test/call-support.ts'
import { insertEndpoint, keyring, owe, rowsOf } from '../../test/support.ts'
import { PLATFORM_APP_ID } from '../changes/record-changes.ts'
import { sweepDeliveries } from '../deliveries/sweep.ts'
import { EndpointRepository } from '../endpoints/endpoint-repository.ts'
import { createKeyring, generateEncryptionKey } from '../keyring.ts'
import { KeyRepository } from '../keys/key-repository.ts'
import { DEFAULT_APP_ID } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { appExists } from './app-exists.ts'
import { AppRepository } from './app-repository.ts'
import { ManifestRepository } from './manifest-repository.ts'

const HOUR_MS = 3_600_000

describe('apps', () => {
  let db: TestDatabase
  let apps: AppRepository
  let manifests: ManifestRepository
  let endpoints: EndpointRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    apps = new AppRepository(db.pool, keyring)
    manifests = new ManifestRepository(db.pool, keyring)
    endpoints = new EndpointRepository(db.pool, keyring)
  })
  afterAll(() => db.drop())

  it('come back as they were made, with a secret that is kept as ciphertext only', async () => {
    const { app, secret } = await apps.create({ name: 'Obchod ✓', contacts: ['a@example.test'] })
    expect(app).toMatchObject({ name: 'Obchod ✓', contacts: ['a@example.test'] })
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(await apps.get(app.id)).toEqual(app)
    expect(await manifests.callable(app.id)).toMatchObject({ secrets: [secret] })
    const [row] = await rowsOf<{ row: string; secrets: Buffer }>(
      db.pool,
      'select to_jsonb(a)::text as row, secrets from posthorn.apps a where id = $1',
      [app.id],
    )
    expect(row?.row).not.toContain(secret.slice(6))
    expect(row?.secrets.includes(secret.slice(6))).toBe(false)
  })

  it('cannot be opened with the sealed secrets of another, nor with other keys', async () => {
    const [mine, theirs] = [await createApp(db.pool), await createApp(db.pool)]
    const foreign = new ManifestRepository(db.pool, createKeyring(generateEncryptionKey()))
    await expect(foreign.callable(mine)).rejects.toMatchObject({ code: 'secret_unreadable' })
    await db.pool.query(
      'update posthorn.apps set secrets = (select secrets from posthorn.apps where id = $2) where id = $1',
      [mine, theirs],
    )
    await expect(manifests.callable(mine)).rejects.toMatchObject({ code: 'secret_unreadable' })
    await apps.remove(mine)
  })

  it('change in what is given alone', async () => {
    const { app } = await apps.create({ name: 'before', contacts: ['a@example.test'] })
    const renamed = await apps.update(app.id, { name: 'after' })
    expect(renamed).toMatchObject({ name: 'after', contacts: ['a@example.test'], createdAt: app.createdAt })
    expect(await apps.update(app.id, { contacts: [] })).toMatchObject({ name: 'after', contacts: [] })
    expect(await apps.update(uuidv7(), { name: 'x' })).toBeUndefined()
  })

  it('are listed newest first, the default one last, page by page', async () => {
    const made = [await createApp(db.pool), await createApp(db.pool)].reverse()
    const first = await apps.list({ limit: 2 })
    expect(first.data.map(({ id }) => id)).toEqual(made)
    let page = first
    while (page.next) page = await apps.list({ limit: 2, cursor: page.next })
    expect(page.data.at(-1)?.id).toBe(DEFAULT_APP_ID)
  })

  it('are removed once, with their endpoints and what those are owed, and their keys open nothing more', async () => {
    const appId = await createApp(db.pool)
    const keys = new KeyRepository(db.pool)
    const { key } = await keys.create({ name: 'k', role: 'admin', appId })
    await manifests.replace(appId, newManifest(capability('quote')))
    const endpoint = await insertEndpoint(db.pool, { appId })
    const neighbour = await insertEndpoint(db.pool)
    const owed = await owe(db.pool, endpoint, { appId })
    expect(await apps.remove(appId)).toBe(true)
    expect(await apps.remove(appId)).toBe(false)
    expect([await apps.get(appId), await manifests.callable(appId), await keys.identify(key)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(await appExists(db.pool, appId)).toBe(false)
    expect((await apps.list({ limit: 200 })).data.map(({ id }) => id)).not.toContain(appId)
    expect((await endpoints.list(appId, {})).data).toEqual([])
    expect(await endpoints.load([endpoint.id, neighbour.id])).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: endpoint.id, enabled: false }),
        expect.objectContaining({ id: neighbour.id, enabled: true }),
      ]),
    )
    await sweepDeliveries(db.pool)
    expect(await rowsOf(db.pool, 'select status from posthorn.deliveries where id = $1', [owed])).toEqual([
      { status: 'cancelled' },
    ])
    expect(await apps.update(appId, { name: 'x' })).toBeUndefined()
    expect(await apps.rotateSecret(appId, 0)).toBeUndefined()
  })

  it('without which nobody could do cannot be removed, and that of the platform does not exist', async () => {
    await expect(apps.remove(DEFAULT_APP_ID)).rejects.toMatchObject({ code: 'conflict' })
    expect(await appExists(db.pool, DEFAULT_APP_ID)).toBe(true)
    expect(await appExists(db.pool, PLATFORM_APP_ID)).toBe(false)
    expect(await apps.get(PLATFORM_APP_ID)).toBeUndefined()
  })

  it('sign with the old secret beside the new one until its time is over, and so do the endpoints of their manifest', async () => {
    const { app, secret } = await apps.create({ name: 'shop', contacts: [] })
    await manifests.replace(app.id, newManifest(capability('quote'), capability('winner')))
    const foreign = await insertEndpoint(db.pool, { appId: app.id, capability: 'own' })
    const ofManifest = async () =>
      (await endpoints.list(app.id, {})).data.filter(({ origin }) => origin === 'manifest')
    const before = await ofManifest()
    const rotated = await apps.rotateSecret(app.id, HOUR_MS)
    expect(rotated?.secret).not.toBe(secret)
    expect((await manifests.callable(app.id))?.secrets).toEqual([rotated?.secret, secret])
    const after = await ofManifest()
    expect(after).toHaveLength(2)
    for (const [n, endpoint] of after.entries()) {
      expect(endpoint.secrets).toEqual([
        { secret: rotated?.secret },
        { secret, expiresAt: expect.any(String) },
      ])
      expect(endpoint.version).not.toBe(before[n]?.version)
    }
    expect((await endpoints.get(app.id, foreign.id))?.secrets).toEqual(foreign.secrets)
    // Whichever of them has leaked: no grace means that none of them signs any more.
    const last = await apps.rotateSecret(app.id, 0)
    expect((await manifests.callable(app.id))?.secrets).toEqual([last?.secret])
    for (const { secrets } of await ofManifest()) expect(secrets).toEqual([{ secret: last?.secret }])
  })

  it('lose no secret when several rotate at once, and keep a bounded number of them', async () => {
    const { app, secret } = await apps.create({ name: 'shop', contacts: [] })
    const made = await Promise.all(Array.from({ length: 5 }, () => apps.rotateSecret(app.id, HOUR_MS)))
    const secrets = (await manifests.callable(app.id))?.secrets ?? []
    expect([...secrets].sort()).toEqual([secret, ...made.map((one) => one?.secret ?? '')].sort())
    expect(secrets.at(-1)).toBe(secret)
    for (let n = 0; n < 10; n++) await apps.rotateSecret(app.id, HOUR_MS)
    expect((await manifests.callable(app.id))?.secrets).toHaveLength(11)
  })

  it('that never had a secret get one when it is rotated', async () => {
    expect((await manifests.callable(DEFAULT_APP_ID))?.secrets).toEqual([])
    const made = await apps.rotateSecret(DEFAULT_APP_ID, HOUR_MS)
    expect((await manifests.callable(DEFAULT_APP_ID))?.secrets).toEqual([made?.secret])
  })
})
