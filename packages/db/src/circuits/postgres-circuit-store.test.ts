import { createHash } from 'node:crypto'
import {
  addOutcome,
  type CircuitDelta,
  type CircuitSettings,
  type CircuitState,
  DEFAULT_CIRCUIT_SETTINGS,
  outcomesOf,
} from '@posthorn/circuit-breaker'
import { describeCircuitStore } from '@posthorn/circuit-breaker/conformance'
import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertEndpoint, rowsOf } from '../../test/support.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { PostgresCircuitStore } from './postgres-circuit-store.ts'

describeCircuitStore('PostgresCircuitStore', async () => {
  const db = await createTestDatabase({ max: 20 })
  return {
    open: () => new NamedProbes(new PostgresCircuitStore(db.pool)),
    newKey: async (circuit: CircuitSettings) => (await insertEndpoint(db.pool, { circuit })).id,
    close: () => db.drop(),
  }
})

/** Tokens of probes are tokens of leases here, so uuids; the suite names its probes by words. */
class NamedProbes {
  readonly #store: PostgresCircuitStore

  constructor(store: PostgresCircuitStore) {
    this.#store = store
  }

  async read(keys: readonly string[]) {
    const states = await this.#store.read(keys)
    return new Map([...states].map(([key, state]) => [key, this.#named(state)]))
  }

  async apply(deltas: readonly CircuitDelta[]) {
    const uuids = deltas.map(({ key, events }) => ({
      key,
      events: events.map((event) =>
        'token' in event ? { ...event, token: this.#uuid(event.token) } : event,
      ),
    }))
    return (await this.#store.apply(uuids)).map((answer) => ({ ...answer, state: this.#named(answer.state) }))
  }

  #uuid(word: string): string {
    const hex = createHash('sha256').update(word).digest('hex').slice(0, 32)
    const uuid = hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')
    named.set(uuid, word)
    return uuid
  }

  #named(state: CircuitState): CircuitState {
    if (state.name !== 'half_open') return state
    return {
      ...state,
      probes: state.probes.map((probe) => ({ ...probe, token: named.get(probe.token) ?? probe.token })),
    }
  }
}

const named = new Map<string, string>()

describe('PostgresCircuitStore', () => {
  let db: TestDatabase
  let store: PostgresCircuitStore
  beforeAll(async () => {
    db = await createTestDatabase()
    store = new PostgresCircuitStore(db.pool)
  })
  afterAll(() => db.drop())

  const failures = (count: number, epoch = 0) => {
    let batch = outcomesOf(epoch)
    for (let i = 0; i < count; i += 1) batch = addOutcome(batch, 'failure')
    return batch
  }
  const row = async (key: string) =>
    (await rowsOf(db.pool, 'select * from posthorn.circuit_breakers where endpoint_id = $1', [key]))[0]
  const newKey = async (circuit: Partial<CircuitSettings> = {}) =>
    (await insertEndpoint(db.pool, { circuit: { ...DEFAULT_CIRCUIT_SETTINGS, ...circuit } })).id

  it('keeps what the claim reads beside the state: name, epoch, times and the probe', async () => {
    const key = await newKey({ openForMs: 1 })
    await store.apply([{ key, events: [failures(5)] }])
    expect(await row(key)).toMatchObject({
      name: 'open',
      epoch: '1',
      opened_at: expect.any(Date),
      next_probe_at: expect.any(Date),
      probe_token: null,
      closed_at: null,
    })
    const token = uuidv7()
    await expect
      .poll(
        async () =>
          (await store.apply([{ key, events: [{ type: 'probe_acquired', token, leaseMs: 50_000 }] }]))[0]
            ?.state.name,
      )
      .toBe('half_open')
    const half = await row(key)
    expect(half).toMatchObject({
      name: 'half_open',
      epoch: '2',
      probe_token: token,
      next_probe_at: half?.['probe_expires_at'],
    })
    await store.apply([{ key, events: [{ type: 'probe_outcome', token, outcome: 'released' }] }])
    expect(await row(key)).toMatchObject({ name: 'half_open', probe_token: null, probe_expires_at: null })
    await store.apply([{ key, events: [{ type: 'reset' }] }])
    expect(await row(key)).toMatchObject({
      name: 'closed',
      epoch: '3',
      opened_at: null,
      next_probe_at: null,
      closed_at: expect.any(Date),
    })
    await store.apply([{ key, events: [{ type: 'force', to: 'forced_open' }] }])
    expect(await row(key)).toMatchObject({ name: 'forced_open', epoch: '4', closed_at: null })
  })

  it('says nothing of endpoints that do not exist, and applies the rest', async () => {
    const key = await newKey()
    const answers = await store.apply([
      { key: uuidv7(), events: [failures(5)] },
      { key, events: [failures(1)] },
    ])
    expect(answers.map((answer) => answer.key)).toEqual([key])
  })

  it('happens with the rest of a transaction, or not at all', async () => {
    const key = await newKey()
    const client = await db.pool.connect()
    await client.query('begin')
    await store.applyWithin(client, [{ key, events: [failures(5)] }])
    expect((await store.read([key])).size).toBe(0)
    await client.query('rollback')
    client.release()
    expect((await store.read([key])).size).toBe(0)
  })

  it('reads the settings that an endpoint has now', async () => {
    const key = await newKey({ failureThreshold: 100 })
    await store.apply([{ key, events: [failures(5)] }])
    await db.pool.query(
      `update posthorn.endpoints set circuit = circuit || '{"failureThreshold": 6}' where id = $1`,
      [key],
    )
    const [answer] = await store.apply([{ key, events: [failures(1)] }])
    expect(answer?.changes).toMatchObject([{ from: 'closed', to: 'open' }])
  })

  it('loses no outcome of workers that each have a connection of their own', async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, () => newKey({ failureThreshold: 100_000 })))
    const worker = async (at: number) => {
      for (let round = 0; round < 15; round += 1) {
        const mine = at % 2 === 0 ? keys : [...keys].reverse()
        await new PostgresCircuitStore(db.pool).apply(mine.map((key) => ({ key, events: [failures(2)] })))
      }
    }
    await Promise.all(Array.from({ length: 6 }, (_, at) => worker(at)))
    const states = await store.read(keys)
    expect(keys.map((key) => states.get(key))).toMatchObject(
      keys.map(() => ({ name: 'closed', consecutiveFailures: 180 })),
    )
  })
})
