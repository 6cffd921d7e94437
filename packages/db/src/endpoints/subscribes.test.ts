import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accept, accepted, insertEndpoint, keyring, newEvent } from '../../test/support.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { EndpointRepository } from './endpoint-repository.ts'
import { subscribes } from './subscribes.ts'

describe('subscribes', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase()
  })
  afterAll(() => db.drop())

  it.each([
    [['approval.approved'], true],
    [['approval.*'], true],
    [['*'], true],
    [['approval.rejected', 'order.*'], false],
    [[], false],
  ])('filter %j: %s, and publishing agrees', async (eventTypes, expected) => {
    const appId = uuidv7()
    await insertEndpoint(db.pool, { appId, eventTypes })
    expect(await subscribes(db.pool, appId, 'approval.approved')).toBe(expected)
    const [answer] = await accept(db.pool, [newEvent({ appId, eventType: 'approval.approved' })])
    expect(accepted(answer).deliveryIds).toHaveLength(expected ? 1 : 0)
  })

  it('passes over endpoints that are disabled, removed, or of another app', async () => {
    const endpoints = new EndpointRepository(db.pool, keyring)
    const appId = uuidv7()
    const disabled = await insertEndpoint(db.pool, { appId })
    const removed = await insertEndpoint(db.pool, { appId })
    expect(await subscribes(db.pool, appId, 'a.b')).toBe(true)
    await endpoints.disable(disabled.id, 'because')
    await endpoints.remove(appId, removed.id)
    expect(await subscribes(db.pool, appId, 'a.b')).toBe(false)
    expect(await subscribes(db.pool, uuidv7(), 'a.b')).toBe(false)
  })
})
