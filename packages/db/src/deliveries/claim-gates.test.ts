import {
  addOutcome,
  type CircuitEvent,
  type CircuitSettings,
  DEFAULT_CIRCUIT_SETTINGS,
  outcomesOf,
} from '@posthorn/circuit-breaker'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { claim, count, insertEndpoint, keyring, openQueue, outcome, owe, rowsOf } from '../../test/support.ts'
import { PostgresCircuitStore } from '../circuits/postgres-circuit-store.ts'
import type { Endpoint } from '../endpoints/endpoint.ts'
import { EndpointRepository, type NewEndpoint } from '../endpoints/endpoint-repository.ts'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { completeDeliveries } from './completion.ts'

const LONG_MS = 3_600_000

describe('claim gates', () => {
  let db: TestDatabase
  let circuits: PostgresCircuitStore
  let endpoints: EndpointRepository
  beforeAll(async () => {
    db = await createTestDatabase()
    circuits = new PostgresCircuitStore(db.pool)
    endpoints = new EndpointRepository(db.pool, keyring)
  })
  beforeEach(() => db.pool.query('truncate posthorn.delivery_queue'))
  afterAll(() => db.drop())

  const withDue = async (due: number, overrides: Partial<NewEndpoint> = {}): Promise<Endpoint> => {
    const endpoint = await insertEndpoint(db.pool, overrides)
    await Promise.all(Array.from({ length: due }, () => owe(db.pool, endpoint)))
    return endpoint
  }
  const gate = async (endpoint: Endpoint) =>
    (
      await rowsOf(
        db.pool,
        'select max_in_flight, allowance from posthorn.endpoint_gates where group_key = $1',
        [endpoint.id],
      )
    )[0]
  const apply = (endpoint: Endpoint, ...events: CircuitEvent[]) =>
    circuits.apply([{ key: endpoint.id, events }])
  const fiveFailures = (epoch = 0) => {
    let batch = outcomesOf(epoch)
    for (let i = 0; i < 5; i += 1) batch = addOutcome(batch, 'failure')
    return batch
  }
  const circuit = (change: Partial<CircuitSettings>) => ({
    circuit: { ...DEFAULT_CIRCUIT_SETTINGS, ...change },
  })
  const finish = async (items: Awaited<ReturnType<typeof claim>>) =>
    completeDeliveries(
      db.pool,
      items.map((item) => outcome(item)),
      [],
      { prepared: false },
    )

  it('let an endpoint have as many in flight as it allows, and no more over several claims', async () => {
    const endpoint = await withDue(10, { maxConcurrency: 4 })
    expect(await gate(endpoint)).toEqual({ max_in_flight: 4, allowance: null })
    const first = await claim(db.pool)
    expect(first).toHaveLength(4)
    expect(await claim(db.pool)).toHaveLength(0)
    await finish(first.slice(0, 3))
    expect(await claim(db.pool)).toHaveLength(3)
  })

  it.each([
    ['paused', (endpoint: Endpoint) => endpoints.setPaused(endpoint.appId, endpoint.id, true)],
    ['disabled', (endpoint: Endpoint) => endpoints.disable(endpoint.id, 'gone')],
    ['deleted', (endpoint: Endpoint) => endpoints.remove(endpoint.appId, endpoint.id)],
    ['forced open', (endpoint: Endpoint) => apply(endpoint, { type: 'force', to: 'forced_open' })],
    ['open, long before its first probe', (endpoint: Endpoint) => apply(endpoint, fiveFailures())],
  ])('give nothing of an endpoint that is %s, and all of its neighbour', async (_name, shut) => {
    const endpoint = await withDue(3)
    const neighbour = await withDue(2)
    await shut(endpoint)
    expect(await gate(endpoint)).toMatchObject({ allowance: 0 })
    expect((await claim(db.pool)).map((item) => item.group)).toEqual([neighbour.id, neighbour.id])
    expect(await count(db.pool, 'delivery_queue', `endpoint_id = '${endpoint.id}' and claim_count = 0`)).toBe(
      3,
    )
  })

  it('give everything again after a pause', async () => {
    const endpoint = await withDue(3)
    await endpoints.setPaused(endpoint.appId, endpoint.id, true)
    expect(await claim(db.pool)).toEqual([])
    await endpoints.setPaused(endpoint.appId, endpoint.id, false)
    expect(await claim(db.pool)).toHaveLength(3)
  })

  it('do not hold back where the circuit is disabled', async () => {
    const endpoint = await withDue(3)
    await apply(endpoint, { type: 'force', to: 'disabled' }, fiveFailures(1))
    expect(await claim(db.pool)).toHaveLength(3)
  })

  it('give one probe when an open circuit may be tried, leased to the delivery that was claimed', async () => {
    const endpoint = await withDue(5, { ...circuit({ openForMs: 1 }), timeoutMs: 7_000 })
    await apply(endpoint, fiveFailures())
    await expect.poll(async () => (await gate(endpoint))?.['allowance']).toBe(1)
    const [probe, ...others] = await claim(db.pool)
    expect(others).toEqual([])
    expect(probe).toMatchObject({ group: endpoint.id, allowance: 1 })
    const [row] = await rowsOf<{ name: string; probe_token: string; lease_ms: number }>(
      db.pool,
      'select name, probe_token, extract(epoch from probe_expires_at - updated_at)::float8 * 1000 as lease_ms from posthorn.circuit_breakers where endpoint_id = $1',
      [endpoint.id],
    )
    expect(row).toMatchObject({ name: 'half_open', probe_token: probe?.leaseToken })
    // As long as its request may take, and then some.
    expect(row?.lease_ms).toBeGreaterThan(7_000)
    expect(await gate(endpoint)).toMatchObject({ allowance: 0 })
    expect(await claim(db.pool)).toEqual([])
  })

  it('give one probe over several claimers, and the next when it has reported', async () => {
    const endpoint = await withDue(12, circuit({ openForMs: 1, successThreshold: 3 }))
    await apply(endpoint, fiveFailures())
    await expect.poll(async () => (await gate(endpoint))?.['allowance']).toBe(1)
    for (let round = 0; round < 2; round += 1) {
      const claims = await Promise.all(
        Array.from({ length: 4 }, () => openQueue(db.pool).claim({ limit: 50, leaseMs: LONG_MS })),
      )
      const items = claims.flat()
      expect(items).toHaveLength(1)
      await finish(items)
      await apply(endpoint, { type: 'probe_outcome', token: items[0]?.leaseToken ?? '', outcome: 'success' })
    }
    expect((await circuits.read([endpoint.id])).get(endpoint.id)).toMatchObject({
      name: 'half_open',
      successes: 2,
    })
  })

  it('give a probe again when the one that had it let its lease run out', async () => {
    const endpoint = await withDue(3, circuit({ openForMs: 1 }))
    await apply(endpoint, fiveFailures())
    await expect.poll(() => claim(db.pool)).toHaveLength(1)
    expect(await claim(db.pool)).toEqual([])
    await db.pool.query(
      `update posthorn.circuit_breakers set probe_expires_at = now(), next_probe_at = now(),
              state = jsonb_set(state, '{probes,0,expiresAt}', '1') where endpoint_id = $1`,
      [endpoint.id],
    )
    expect(await claim(db.pool)).toHaveLength(1)
  })

  it('let the backlog of an endpoint ramp up after its circuit closed', async () => {
    const endpoint = await withDue(40, { maxConcurrency: 30 })
    await apply(endpoint, { type: 'force', to: 'forced_open' }, { type: 'reset' })
    const closedAgo = (seconds: number) =>
      db.pool.query(
        `update posthorn.circuit_breakers set closed_at = now() - $2 * interval '1 second' where endpoint_id = $1`,
        [endpoint.id, seconds],
      )
    const caps: unknown[] = []
    for (const seconds of [0, 3.25, 10.25, 59, 61]) {
      await closedAgo(seconds)
      caps.push((await gate(endpoint))?.['max_in_flight'])
    }
    expect(caps).toEqual([1, 7, 21, 30, 30])
  })

  it('spend the tokens of a rate limit exactly, over two claimers at the same time', async () => {
    const endpoint = await withDue(30, { rateLimit: { limit: 7, periodMs: LONG_MS }, maxConcurrency: 100 })
    const queues = [openQueue(db.pool), openQueue(db.pool)]
    const items = (
      await Promise.all([0, 1, 2, 3].map((at) => queues[at % 2]?.claim({ limit: 4, leaseMs: LONG_MS }) ?? []))
    ).flat()
    items.push(...(await claim(db.pool)))
    expect(items).toHaveLength(7)
    expect(await gate(endpoint)).toMatchObject({ allowance: 0 })
    expect(await claim(db.pool)).toEqual([])
  })

  it('fill tokens up with time, to the limit and not beyond', async () => {
    const endpoint = await withDue(30, { rateLimit: { limit: 6, periodMs: 60_000 }, maxConcurrency: 100 })
    expect(await claim(db.pool)).toHaveLength(6)
    const later = (ms: number) =>
      db.pool.query(
        `update posthorn.endpoint_rates set refilled_at = refilled_at - $2 * interval '1 millisecond' where endpoint_id = $1`,
        [endpoint.id, ms],
      )
    await later(20_100)
    expect(await gate(endpoint)).toMatchObject({ allowance: 2 })
    expect(await claim(db.pool)).toHaveLength(2)
    await later(10 * 60_000)
    expect(await gate(endpoint)).toMatchObject({ allowance: 6 })
    expect(await claim(db.pool)).toHaveLength(6)
    expect(await claim(db.pool)).toEqual([])
  })

  it('hold to a lowered limit at once', async () => {
    const endpoint = await withDue(5, { rateLimit: { limit: 100, periodMs: LONG_MS } })
    expect(await claim(db.pool, 1)).toHaveLength(1)
    await db.pool.query('update posthorn.endpoints set rate_limit = 2 where id = $1', [endpoint.id])
    expect(await gate(endpoint)).toMatchObject({ allowance: 2 })
  })

  it('spend a token and a probe on the same delivery, and neither when the claim is undone', async () => {
    const endpoint = await withDue(5, {
      ...circuit({ openForMs: 1 }),
      rateLimit: { limit: 3, periodMs: LONG_MS },
    })
    await apply(endpoint, fiveFailures())
    await expect.poll(async () => (await gate(endpoint))?.['allowance']).toBe(1)
    const aborted = AbortSignal.abort()
    await expect(openQueue(db.pool).claim({ limit: 5, leaseMs: LONG_MS, signal: aborted })).rejects.toThrow()
    expect(await count(db.pool, 'endpoint_rates', `endpoint_id = '${endpoint.id}'`)).toBe(0)
    expect(await claim(db.pool)).toHaveLength(1)
    expect(
      await rowsOf(db.pool, 'select tokens from posthorn.endpoint_rates where endpoint_id = $1', [
        endpoint.id,
      ]),
    ).toEqual([{ tokens: 2 }])
  })
})
