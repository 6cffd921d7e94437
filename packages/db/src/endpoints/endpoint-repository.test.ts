import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { count, insertEndpoint, keyring, newEndpoint, rowsOf } from '../../test/support.ts'
import { createKeyring, generateEncryptionKey } from '../keyring.ts'
import { DEFAULT_APP_ID } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { EndpointRepository } from './endpoint-repository.ts'

const SECRET = 'whsec_dGhpcyBpcyBhIHZlcnkgc2VjcmV0IHNlY3JldCE='

describe('endpoints', () => {
  let db: TestDatabase
  let endpoints: EndpointRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    endpoints = new EndpointRepository(db.pool, keyring)
  })
  afterAll(() => db.drop())

  it('come back as they were put in', async () => {
    const given = newEndpoint({
      description: 'čeština',
      eventTypes: ['a.*', 'b'],
      headers: { 'x-token': 'hush' },
      rateLimit: { limit: 5, periodMs: 1_000 },
      successCodes: [200, 418],
      secrets: [{ secret: SECRET }, { secret: SECRET, expiresAt: '2030-01-01T00:00:00.000Z' }],
    })
    const made = await endpoints.insert(given)
    expect(made).toMatchObject(given)
    expect(made).toMatchObject({ enabled: true, disabledReason: null, pausedAt: null })
    expect(await endpoints.get(given.appId, given.id)).toEqual(made)
    expect(await endpoints.load([given.id])).toEqual([made])
  })

  it('hold secrets and headers as ciphertext only', async () => {
    const { id } = await insertEndpoint(db.pool, {
      secrets: [{ secret: SECRET }],
      headers: { authorization: 'Bearer hush-hush' },
    })
    const [row] = await rowsOf<{ row: string; bytes: Buffer }>(
      db.pool,
      `select to_jsonb(e)::text as row, secrets || headers as bytes from posthorn.endpoints e where id = $1`,
      [id],
    )
    for (const clear of [SECRET, SECRET.slice(6), 'hush-hush', 'authorization']) {
      expect(row?.row).not.toContain(clear)
      expect(row?.bytes.includes(clear)).toBe(false)
    }
  })

  it('cannot be opened with the sealed secrets of another', async () => {
    const [mine, theirs] = [await insertEndpoint(db.pool), await insertEndpoint(db.pool)]
    await db.pool.query(
      'update posthorn.endpoints set secrets = (select secrets from posthorn.endpoints where id = $2) where id = $1',
      [mine.id, theirs.id],
    )
    await expect(endpoints.get(mine.appId, mine.id)).rejects.toMatchObject({ code: 'secret_unreadable' })
    await endpoints.remove(mine.appId, mine.id)
  })

  it('of enqueue are one for each URL and app, however many come first at once', async () => {
    const url = 'https://example.test/first'
    const made = await Promise.all(
      Array.from({ length: 20 }, () =>
        endpoints.findOrInsertByUrl(newEndpoint({ url, origin: 'enqueue', eventTypes: [] })),
      ),
    )
    expect(new Set(made.map((endpoint) => endpoint.id)).size).toBe(1)
    expect(new Set(made.map((endpoint) => endpoint.secrets[0]?.secret)).size).toBe(1)
    expect(await count(db.pool, 'endpoints', `url = '${url}'`)).toBe(1)
    const other = await endpoints.findOrInsertByUrl(newEndpoint({ url, origin: 'enqueue', appId: uuidv7() }))
    expect(other.id).not.toBe(made[0]?.id)
    await insertEndpoint(db.pool, { url })
    expect((await endpoints.findOrInsertByUrl(newEndpoint({ url }))).id).toBe(made[0]?.id)
  })

  it('of enqueue are made again after they were removed', async () => {
    const url = 'https://example.test/again'
    const first = await endpoints.findOrInsertByUrl(newEndpoint({ url }))
    expect(await endpoints.remove(first.appId, first.id)).toBe(true)
    expect((await endpoints.findOrInsertByUrl(newEndpoint({ url }))).id).not.toBe(first.id)
  })

  it('are removed from every list, once, and still known to the worker', async () => {
    const { appId, id } = await insertEndpoint(db.pool, { appId: uuidv7() })
    expect((await endpoints.list(appId, {})).data.map((endpoint) => endpoint.id)).toEqual([id])
    expect(await endpoints.remove(appId, id)).toBe(true)
    expect(await endpoints.remove(appId, id)).toBe(false)
    expect(await endpoints.get(appId, id)).toBeUndefined()
    expect((await endpoints.list(appId, {})).data).toEqual([])
    expect(await endpoints.load([id])).toMatchObject([{ id, enabled: false }])
  })

  it('can be removed and taken out of service when their secrets cannot be opened any more', async () => {
    const foreign = new EndpointRepository(db.pool, createKeyring(generateEncryptionKey()))
    const { appId, id } = await foreign.insert(newEndpoint())
    await endpoints.disable(id, 'because')
    expect(
      await rowsOf(db.pool, 'select enabled, disabled_reason from posthorn.endpoints where id = $1', [id]),
    ).toEqual([{ enabled: false, disabled_reason: 'because' }])
    expect(await endpoints.remove(appId, id)).toBe(true)
  })

  it('belong to their app alone', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const stranger = uuidv7()
    const settings = { ...newEndpoint(), enabled: true }
    expect(await endpoints.get(stranger, endpoint.id)).toBeUndefined()
    expect(await endpoints.update(stranger, endpoint.id, settings)).toBeUndefined()
    expect(await endpoints.setSecrets(stranger, endpoint.id, [])).toBeUndefined()
    expect(await endpoints.setPaused(stranger, endpoint.id, true)).toBeUndefined()
    expect(await endpoints.remove(stranger, endpoint.id)).toBe(false)
    expect(await endpoints.get(DEFAULT_APP_ID, endpoint.id)).toEqual(endpoint)
  })

  it('get a new version with every change, also with two in the same millisecond', async () => {
    const { appId, id, version } = await insertEndpoint(db.pool)
    const changed = await Promise.all([
      endpoints.setPaused(appId, id, true),
      endpoints.setPaused(appId, id, false),
      endpoints.setSecrets(appId, id, [{ secret: SECRET }]),
    ])
    expect(new Set([version, ...changed.map((endpoint) => endpoint?.version)]).size).toBe(4)
  })

  it('keep the time of their pause, and forget why they were disabled when they are enabled', async () => {
    const endpoint = await insertEndpoint(db.pool)
    const { appId, id } = endpoint
    const paused = await endpoints.setPaused(appId, id, true)
    expect(paused?.pausedAt).toBeInstanceOf(Date)
    expect((await endpoints.setPaused(appId, id, true))?.pausedAt).toEqual(paused?.pausedAt)
    await endpoints.disable(id, 'It answered 410 Gone.')
    await endpoints.disable(id, 'a later reason')
    expect(await endpoints.get(appId, id)).toMatchObject({
      enabled: false,
      disabledReason: 'It answered 410 Gone.',
    })
    expect(await endpoints.update(appId, id, { ...endpoint, enabled: true })).toMatchObject({
      enabled: true,
      disabledReason: null,
    })
  })
})
