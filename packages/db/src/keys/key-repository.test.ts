import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowsOf } from '../../test/support.ts'
import { DEFAULT_APP_ID, KEY_ROLES } from '../schema/index.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { KeyRepository } from './key-repository.ts'

describe('API keys', () => {
  let db: TestDatabase
  let keys: KeyRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    keys = new KeyRepository(db.pool)
  })
  afterAll(() => db.drop())

  const bootstrapKey = () => `phk_${uuidv7().replaceAll('-', '')}_${'a1B2'.repeat(10)}`

  it('knows a key it made, with its app and role', async () => {
    for (const role of KEY_ROLES) {
      const { id, key } = await keys.create({ name: `a ${role} key`, role, appId: DEFAULT_APP_ID })
      expect(key).toMatch(/^phk_[0-9a-f]{32}_[A-Za-z0-9]{64}$/)
      expect(await keys.identify(key)).toEqual({ id, appId: DEFAULT_APP_ID, name: `a ${role} key`, role })
    }
  })

  it('keeps nothing from which a key could be made again', async () => {
    const { id, key } = await keys.create({ name: 'kept', role: 'read' })
    const [row] = await rowsOf(db.pool, 'select to_jsonb(k) as row from posthorn.api_keys k where id = $1', [
      id,
    ])
    const secret = key.split('_')[2] ?? ''
    expect(secret).toHaveLength(64)
    expect(JSON.stringify(row)).not.toContain(secret)
    expect(JSON.stringify(await keys.list())).not.toContain(secret)
  })

  it('does not know a key with another secret, another id, or of another form', async () => {
    const { key } = await keys.create({ name: 'one', role: 'read' })
    const { key: other } = await keys.create({ name: 'two', role: 'read' })
    const [, hex, secret = ''] = key.split('_')
    const wrong = [
      `phk_${hex}_${other.split('_')[2]}`,
      `phk_${hex}_${secret.slice(0, -1)}`,
      `phk_${uuidv7().replaceAll('-', '')}_${secret}`,
      `phk_${hex?.toUpperCase()}_${secret}x`,
      `${key}\0`,
      ` ${key}`,
      '',
      "phk_' or 1=1_x",
    ]
    expect(await Promise.all(wrong.map((text) => keys.identify(text)))).toEqual(wrong.map(() => undefined))
    expect(await keys.identify(key)).toMatchObject({ name: 'one' })
  })

  it('does not know a key that has expired, and knows one that has not yet', async () => {
    const expired = await keys.create({ name: 'over', role: 'read', expiresAt: new Date(Date.now() - 1_000) })
    const valid = await keys.create({
      name: 'valid',
      role: 'read',
      expiresAt: new Date(Date.now() + 3_600_000),
    })
    expect(await keys.identify(expired.key)).toBeUndefined()
    expect(await keys.identify(valid.key)).toMatchObject({ name: 'valid' })
  })

  it('forgets a revoked key at once, and revokes it once', async () => {
    const { id, key } = await keys.create({ name: 'revoked', role: 'admin' })
    expect(await keys.revoke(id)).toBe(true)
    expect(await keys.identify(key)).toBeUndefined()
    expect(await keys.revoke(id)).toBe(false)
    expect(await keys.revoke(uuidv7())).toBe(false)
    expect((await keys.list()).find((entry) => entry.id === id)?.revokedAt).toBeInstanceOf(Date)
  })

  it('takes a bootstrap key as an admin of the platform, however often and from however many processes', async () => {
    const text = bootstrapKey()
    await Promise.all(Array.from({ length: 5 }, () => keys.bootstrap(text)))
    await keys.bootstrap(text)
    expect(await keys.identify(text)).toMatchObject({ appId: null, name: 'bootstrap', role: 'admin' })
    const id = text.split('_')[1]
    expect((await keys.list()).filter((entry) => entry.id.replaceAll('-', '') === id)).toHaveLength(1)
  })

  it('does not bring a revoked bootstrap key back at the next start', async () => {
    const text = bootstrapKey()
    await keys.bootstrap(text)
    await keys.revoke((await keys.identify(text))?.id ?? '')
    await keys.bootstrap(text)
    expect(await keys.identify(text)).toBeUndefined()
  })

  it('refuses a bootstrap key of the wrong form without repeating it', async () => {
    const error = await keys.bootstrap('phk_0011_topsecret').catch((reason: Error) => reason)
    expect(error).toMatchObject({ code: 'validation', issues: [{ path: 'POSTHORN_BOOTSTRAP_KEY' }] })
    expect(String(error)).not.toContain('topsecret')
  })

  it('notes the last use, at most once a minute', async () => {
    const { id } = await keys.create({ name: 'used', role: 'read' })
    const lastUse = async () => (await keys.list()).find((entry) => entry.id === id)?.lastUsedAt
    expect(await lastUse()).toBeNull()
    await keys.touch(id)
    const first = await lastUse()
    expect(first).toBeInstanceOf(Date)
    await keys.touch(id)
    expect(await lastUse()).toEqual(first)
    await db.pool.query(
      `update posthorn.api_keys set last_used_at = last_used_at - interval '2 minutes' where id = $1`,
      [id],
    )
    await keys.touch(id)
    expect((await lastUse())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? Number.NaN)
  })
})
