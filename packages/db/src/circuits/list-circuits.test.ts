import { initialState } from '@posthorn/circuit-breaker'
import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../test/call-support.ts'
import { insertEndpoint, keyring } from '../../test/support.ts'
import { EndpointRepository } from '../endpoints/endpoint-repository.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { listCircuits } from './list-circuits.ts'
import { PostgresCircuitStore } from './postgres-circuit-store.ts'

describe('circuits of what can be called', () => {
  let db: TestDatabase
  let appId: string
  let ids: string[]
  beforeAll(async () => {
    db = await createTestDatabase()
    appId = await createApp(db.pool)
    ids = []
    for (const capability of ['quote', 'winner', null])
      ids.push((await insertEndpoint(db.pool, { appId, capability })).id)
    await insertEndpoint(db.pool, { capability: 'quote' })
    await new PostgresCircuitStore(db.pool).apply([
      { key: ids[0] ?? '', events: [{ type: 'force', to: 'forced_open' }] },
    ])
  })
  afterAll(() => db.drop())

  it('are listed for one app, with the state of a new one where nothing has happened', async () => {
    const { data } = await listCircuits(db.pool, appId, {}, {})
    expect(data).toMatchObject([
      {
        endpointId: ids[1],
        appId,
        appName: 'shop',
        capability: 'winner',
        state: initialState(),
        updatedAt: null,
      },
      { endpointId: ids[0], appId, appName: 'shop', capability: 'quote', state: { name: 'forced_open' } },
    ])
    expect(data[1]?.updatedAt).toBeInstanceOf(Date)
    expect(data[1]?.url).toMatch(/^https:/)
  })

  it('are found by state and by capability', async () => {
    const list = async (...filter: [string | null, Parameters<typeof listCircuits>[2]]) =>
      (await listCircuits(db.pool, ...filter, {})).data.map(({ endpointId }) => endpointId)
    expect(await list(appId, { state: 'closed' })).toEqual([ids[1]])
    expect(await list(appId, { state: 'forced_open' })).toEqual([ids[0]])
    expect(await list(appId, { state: 'open' })).toEqual([])
    expect(await list(appId, { capability: 'quote' })).toEqual([ids[0]])
    expect(await list(null, { capability: 'quote' })).toHaveLength(2)
    expect(await list(uuidv7(), {})).toEqual([])
  })

  it('come page by page over all apps, without those of endpoints that were removed', async () => {
    const first = await listCircuits(db.pool, null, {}, { limit: 2 })
    const second = await listCircuits(db.pool, null, {}, { limit: 2, cursor: first.next ?? '' })
    expect([first.data.length, second.data.length, second.next]).toEqual([2, 1, null])
    await new EndpointRepository(db.pool, keyring).remove(appId, ids[1] ?? '')
    expect((await listCircuits(db.pool, appId, {}, {})).data).toHaveLength(1)
  })
})
