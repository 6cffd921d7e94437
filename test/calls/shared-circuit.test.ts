import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CircuitState, DEFAULT_CIRCUIT_SETTINGS } from '../../packages/circuit-breaker/src/index.ts'
import { parseId } from '../../packages/core/src/index.ts'
import { generateEncryptionKey, PostgresCircuitStore } from '../../packages/db/src/index.ts'
import { createTestDatabase, type TestDatabase } from '../../packages/db/src/testing/index.ts'
import { createPosthorn, type Posthorn } from '../../packages/engine/src/index.ts'
import { createReceiver, type Receiver, type Reply } from '../../packages/testing/src/index.ts'
import { until } from '../kill/support/until.ts'
import { Callers, together } from './support/callers.ts'
import type { CallerReport, CircuitUnderTest } from './support/protocol.ts'

const PROCESSES = 8
const IN_FLIGHT = 5
const LEASE_MS = 1_000

describe('a circuit that processes share', { timeout: 120_000 }, () => {
  let database: TestDatabase
  let posthorn: Posthorn
  let app: Receiver
  let store: PostgresCircuitStore
  let callers: Callers
  beforeAll(async () => {
    ;[database, app] = await Promise.all([createTestDatabase(), createReceiver({ keepBodies: false })])
    posthorn = createPosthorn({
      connectionString: database.url,
      encryptionKeys: generateEncryptionKey(),
      allowedCidrs: ['127.0.0.0/8'],
    })
    store = new PostgresCircuitStore(database.pool)
    callers = new Callers(database.url)
    await callers.start(PROCESSES)
  })
  afterAll(async () => {
    await callers[Symbol.asyncDispose]()
    await app.close()
    await posthorn.stop()
    await database.drop()
  })

  /** A capability of its own, with what there is to know about its circuit. */
  const capability = async (path: string, script: () => Reply | Promise<Reply>, change = {}) => {
    app.route(path, script)
    const settings = { ...DEFAULT_CIRCUIT_SETTINGS, probeLeaseMs: LEASE_MS, ...change }
    const url = app.url(path)
    const { id } = await posthorn.endpoints.create({ url, capability: 'score', circuit: settings })
    const endpointId = parseId('ep', id) ?? ''
    const circuit: CircuitUnderTest = { endpointId, url, settings }
    return {
      circuit,
      state: async () => (await store.read([endpointId])).get(endpointId),
      asked: () => app.received(path).length,
      reset: () => posthorn.endpoints.resetCircuit(id),
      /** As if the time for which it stays open had passed. */
      async letProbe() {
        await database.pool.query(
          `update posthorn.circuit_breakers
              set state = jsonb_set(state, '{nextProbeAt}', '0'), next_probe_at = to_timestamp(0)
            where endpoint_id = $1 and name = 'open'`,
          [endpointId],
        )
      },
    }
  }

  it('loses no transition while eight processes hammer it, and closes for all by the probes of one', async () => {
    let isDown = true
    const { circuit, state, asked, letProbe } = await capability('/hammered', () =>
      isDown ? { status: 503 } : { status: 200, body: '1' },
    )
    const failing = together(await callers.all({ circuit, calls: 100, inFlight: IN_FLIGHT }))
    expect(failing.changes).toEqual([
      { from: 'closed', to: 'open', epoch: 1, reason: 'consecutive_failures' },
    ])
    expect(await state()).toMatchObject({ name: 'open', epoch: 1 })
    expect(failing.outcomes['fallback http_5xx']).toBe(asked())
    // Those under way while it opened, and none later.
    const { 'fallback circuit_open': refused = 0 } = failing.outcomes
    expect(refused).toBe(PROCESSES * 100 - asked())
    expect(asked()).toBeLessThan(PROCESSES * 100 * 0.5)

    const before = asked()
    const again = together(await callers.all({ circuit, calls: 50, inFlight: IN_FLIGHT }))
    expect(again).toEqual({ outcomes: { 'fallback circuit_open': PROCESSES * 50 }, changes: [] })
    expect(asked()).toBe(before)

    isDown = false
    await letProbe()
    const probing: CallerReport['changes'] = []
    await until('the circuit closes', async () => {
      probing.push(...(await callers.one(0, { circuit, calls: 1, inFlight: 1 })).changes)
      return (await state())?.name === 'closed'
    })
    // The others asked nobody: they learn it from the store.
    await until('all of them are let through', async () => {
      const reports = await callers.all({ circuit, calls: 5, inFlight: 1 })
      probing.push(...reports.flatMap((report) => report.changes))
      return reports.every(({ outcomes }) => outcomes['ok'] === 5)
    })
    expect(probing.map(({ to }) => to)).toEqual(['half_open', 'closed'])
    expectChain([...failing.changes, ...probing], await state())
  })

  it('goes through storms of opening and closing without a transition twice or missing', async () => {
    let calls = 0
    // In turns well and down, whoever asks.
    const { circuit, state } = await capability(
      '/storm',
      () => (Math.floor(calls++ / 40) % 2 === 0 ? { status: 503 } : { status: 200, body: '1' }),
      { openForMs: 20, successThreshold: 1 },
    )
    const changes: CallerReport['changes'] = []
    for (let round = 0; round < 4 || (changes.length < 9 && round < 50); round++) {
      changes.push(...together(await callers.all({ circuit, calls: 40, inFlight: 4 })).changes)
    }
    expect(changes.length).toBeGreaterThan(8)
    const last = await until('all that was reported is told', async () => {
      changes.push(...together(await callers.all({ circuit, calls: 0, inFlight: 1 })).changes)
      const now = await state()
      return changes.length === now?.epoch && now
    })
    expectChain(changes, last)
  })

  it('stays open over a restart, and is closed by hand', async () => {
    const { circuit, state, asked, reset } = await capability('/restart', () => ({ status: 503 }))
    await callers.one(0, { circuit, calls: 10, inFlight: 1 })
    await until('it is open', async () => (await state())?.name === 'open')
    await callers.kill(0)
    await callers.start(1)
    const before = asked()
    const last = PROCESSES - 1
    const { outcomes } = await callers.one(last, { circuit, calls: 10, inFlight: 1 })
    expect(outcomes).toEqual({ 'fallback circuit_open': 10 })
    expect(asked()).toBe(before)
    app.route('/restart', () => ({ status: 200, body: '1' }))
    await reset()
    await until('it lets calls through', async () => {
      const again = await callers.one(last, { circuit, calls: 1, inFlight: 1 })
      return again.outcomes['ok'] === 1
    })
  })

  it('gives the place of a probe to another when its process is killed', async () => {
    const { circuit, state, letProbe } = await capability('/killed', () => ({ status: 503 }))
    const task = { circuit, calls: 10, inFlight: 1 }
    await callers.one(0, task)
    await until('it is open', async () => (await state())?.name === 'open')
    const { promise: isProbing, resolve } = Promise.withResolvers<void>()
    app.route('/killed', () => {
      resolve()
      return new Promise<Reply>(() => undefined)
    })
    await letProbe()
    await callers.kill(0, { task: { ...task, calls: 1_000_000 }, when: isProbing })
    expect(await state()).toMatchObject({ name: 'half_open' })
    app.route('/killed', () => ({ status: 200, body: '1' }))
    await until('another closes it', async () => {
      await callers.one(0, { ...task, calls: 1 })
      return (await state())?.name === 'closed'
    })
  })
})

/** Every transition was told by exactly one process, each began where the last one ended, and none is missing. */
function expectChain(told: CallerReport['changes'], state: CircuitState | undefined): void {
  const changes = told.toSorted((a, b) => a.epoch - b.epoch)
  expect(changes.map(({ epoch }) => epoch)).toEqual(changes.map((_, at) => at + 1))
  expect(changes.map(({ from }) => from)).toEqual(['closed', ...changes.slice(0, -1).map(({ to }) => to)])
  expect(state).toMatchObject({ epoch: changes.length, name: changes.at(-1)?.to })
}
