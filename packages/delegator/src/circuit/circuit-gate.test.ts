import {
  type CircuitChange,
  type CircuitSettings,
  type CircuitStore,
  DEFAULT_CIRCUIT_SETTINGS,
  MemoryCircuitStore,
  windowCounts,
} from '@posthorn/circuit-breaker'
import { describe, expect, it } from 'vitest'
import { VirtualTime } from '../../test/virtual-time.ts'
import type { Admission } from './admission.ts'
import { CircuitGate } from './circuit-gate.ts'

const target = { endpointId: 'app/quiz_answer', appId: 'app', capability: 'quiz_answer' }
const limits = { leaseMs: 10_000, waitMs: 250 }

/** A store that takes its time, counts what it is asked, and may be down. */
class SlowStore implements CircuitStore {
  reads = 0
  applies = 0
  isDown = false
  afterMs = 0
  readonly #inner: CircuitStore
  readonly #time: VirtualTime

  constructor(inner: CircuitStore, time: VirtualTime) {
    this.#inner = inner
    this.#time = time
  }

  async read(keys: readonly string[]) {
    this.reads++
    await this.#travel()
    return this.#inner.read(keys)
  }

  async apply(deltas: Parameters<CircuitStore['apply']>[0]) {
    this.applies++
    await this.#travel()
    return this.#inner.apply(deltas)
  }

  async #travel() {
    if (this.afterMs > 0) await this.#time.sleep(this.afterMs)
    if (this.isDown) throw new Error('the store is down')
  }
}

/** Several processes that share circuits, in one time. */
function processes(count: number, more: Partial<CircuitSettings> = {}) {
  const time = new VirtualTime()
  const settings = { ...DEFAULT_CIRCUIT_SETTINGS, ...more }
  const shared = new MemoryCircuitStore({ settings, clock: time })
  const changes: CircuitChange[] = []
  const failures: unknown[] = []
  const gates = Array.from({ length: count }, () => {
    const store = new SlowStore(shared, time)
    const listener = {
      changed: (_: unknown, change: CircuitChange) => void changes.push(change),
      failed: (_: unknown, error: unknown) => void failures.push(error),
    }
    const gate = new CircuitGate({ store, settings: () => settings, clock: time, timers: time, listener })
    return { gate, store }
  })
  const state = async () => (await shared.read([target.endpointId])).get(target.endpointId)
  return {
    time,
    gates,
    shared,
    settings,
    changes,
    failures,
    state,
    first: gates[0] as (typeof gates)[number],
  }
}

type World = ReturnType<typeof processes>

function admit({ time }: World, { gate }: World['first']) {
  return time.run(Promise.resolve(gate.admit(target, limits)))
}

async function make(world: World, process: World['first'], outcome: 'success' | 'failure', tookMs = 1) {
  const admission = await admit(world, process)
  if (!admission.isAdmitted) return false
  admission.settle(outcome, tookMs)
  await world.time.run(process.gate.close())
  return true
}

async function open(world: World) {
  for (let n = 0; n < 5; n++) expect(await make(world, world.first, 'failure')).toBe(true)
}

describe('CircuitGate', () => {
  it('opens after the configured failures in a row, then refuses at once without asking the store', async () => {
    const world = processes(1)
    await open(world)
    expect(world.changes).toMatchObject([{ from: 'closed', to: 'open', reason: 'consecutive_failures' }])
    const { reads, applies } = world.first.store
    const refusal = world.first.gate.admit(target, limits)
    expect(refusal).toEqual({ isAdmitted: false, retryAfterMs: 60_000 })
    expect([world.first.store.reads, world.first.store.applies]).toEqual([reads, applies])
  })

  it('does not ask the store for a healthy app, apart from one look a second', async () => {
    const world = processes(1)
    for (let n = 0; n < 1_000; n++) await make(world, world.first, 'success')
    expect([world.first.store.reads, world.first.store.applies]).toEqual([1, 0])
    world.time.advance(1_000)
    for (let n = 0; n < 1_000; n++) await make(world, world.first, 'success')
    expect([world.first.store.reads, world.first.store.applies]).toEqual([2, 0])
  })

  it('ends a run of failures by a success', async () => {
    const world = processes(1)
    for (let n = 0; n < 4; n++) await make(world, world.first, 'failure')
    await make(world, world.first, 'success')
    for (let n = 0; n < 4; n++) await make(world, world.first, 'failure')
    expect((await world.state())?.name).toBe('closed')
    expect(await make(world, world.first, 'failure')).toBe(true)
    expect((await world.state())?.name).toBe('open')
  })

  it('reports a burst of a thousand failures in two writes', async () => {
    const world = processes(1)
    await admit(world, world.first)
    world.first.store.afterMs = 5
    const admissions = Array.from(
      { length: 1_000 },
      () => world.first.gate.admit(target, limits) as Admission,
    )
    for (const admission of admissions) admission.settle('failure', 1)
    await world.time.run(world.first.gate.close())
    expect(world.first.store.applies).toBeLessThanOrEqual(2)
    expect((await world.state())?.name).toBe('open')
  })

  it('lets one process probe, whose successes close the circuit for all', async () => {
    const world = processes(4)
    const [prober, ...others] = world.gates as [World['first'], ...World['gates']]
    await open(world)
    for (const other of others) expect((await admit(world, other)).isAdmitted).toBe(false)
    world.time.advance(60_000)
    for (let n = 0; n < 3; n++) {
      const probe = await admit(world, prober)
      expect(probe.isAdmitted).toBe(true)
      // While it is under way nobody else is let through.
      for (const other of world.gates) expect((await admit(world, other)).isAdmitted).toBe(false)
      if (probe.isAdmitted) probe.settle('success', 1)
      await world.time.run(prober.gate.close())
      world.time.advance(250)
    }
    expect((await world.state())?.name).toBe('closed')
    for (const other of others) {
      world.time.advance(1_000)
      await admit(world, other)
      await world.time.run(other.gate.close())
      expect((await admit(world, other)).isAdmitted).toBe(true)
    }
    expect(world.changes.map(({ to }) => to)).toEqual(['open', 'half_open', 'closed'])
  })

  it('opens again when a probe fails, and gives back the place of one that says nothing', async () => {
    const world = processes(1)
    await open(world)
    world.time.advance(60_000)
    const first = await admit(world, world.first)
    if (first.isAdmitted) first.settle('released', 1)
    await world.time.run(world.first.gate.close())
    expect((await world.state())?.name).toBe('half_open')
    expect(await make(world, world.first, 'failure')).toBe(true)
    expect((await world.state())?.name).toBe('open')
    expect((await admit(world, world.first)).isAdmitted).toBe(false)
  })

  it('asks for one probe at a time, and not again right after a refusal', async () => {
    const world = processes(2)
    await open(world)
    const [one, two] = world.gates as [World['first'], World['first']]
    world.time.advance(59_000)
    await admit(world, two)
    world.time.advance(1_000)
    one.store.afterMs = 10
    const { applies } = one.store
    const asked = Array.from({ length: 50 }, () => Promise.resolve(one.gate.admit(target, limits)))
    const admitted = (await world.time.run(Promise.all(asked))).filter(({ isAdmitted }) => isAdmitted)
    expect(admitted).toHaveLength(1)
    expect(one.store.applies).toBe(applies + 1)
    for (let n = 0; n < 50; n++) expect((await admit(world, two)).isAdmitted).toBe(false)
    expect(two.store.applies).toBe(1)
  })

  it('gives back the place of a probe that was granted too late', async () => {
    const world = processes(1)
    await open(world)
    world.time.advance(60_000)
    world.first.store.afterMs = 400
    expect((await admit(world, world.first)).isAdmitted).toBe(false)
    await world.time.run(world.first.gate.close())
    await world.time.drain()
    expect(await world.state()).toMatchObject({ name: 'half_open', probes: [] })
    world.first.store.afterMs = 0
    world.time.advance(250)
    expect((await admit(world, world.first)).isAdmitted).toBe(true)
  })

  it('keeps a circuit over a restart', async () => {
    const world = processes(2)
    await open(world)
    const restarted = world.gates[1] as World['first']
    expect(await admit(world, restarted)).toEqual({ isAdmitted: false, retryAfterMs: 60_000 })
  })

  it('lets calls through while the store is down, and says so', async () => {
    const world = processes(1)
    world.first.store.isDown = true
    for (let n = 0; n < 10; n++) expect(await make(world, world.first, 'failure')).toBe(true)
    expect(world.failures.length).toBeGreaterThan(0)
    world.first.store.isDown = false
    world.time.advance(1_000)
    await open(world)
    expect((await world.state())?.name).toBe('open')
  })

  it('does not wait for a store that is silent, and believes it when it speaks again', async () => {
    const world = processes(1)
    await world.shared.apply([{ key: target.endpointId, events: [{ type: 'force', to: 'forced_open' }] }])
    world.first.store.afterMs = 4_000
    const startedAt = world.time.monotonic()
    expect((await admit(world, world.first)).isAdmitted).toBe(true)
    expect(world.time.monotonic() - startedAt).toBe(250)
    await world.time.run(world.first.gate.close())
    expect((await admit(world, world.first)).isAdmitted).toBe(false)
  })

  it('follows a decision at once, and one of another process within a second', async () => {
    const world = processes(2)
    const [here, there] = world.gates as [World['first'], World['first']]
    await admit(world, there)
    await world.time.run(here.gate.decide(target, 'forced_open'))
    expect(here.gate.admit(target, limits)).toEqual({ isAdmitted: false })
    world.time.advance(1_000)
    await admit(world, there)
    await world.time.run(there.gate.close())
    expect((await admit(world, there)).isAdmitted).toBe(false)
    await world.time.run(here.gate.decide(target, 'reset'))
    expect(await world.time.run(here.gate.state(target))).toMatchObject({
      name: 'closed',
      consecutiveFailures: 0,
    })
    expect((await admit(world, here)).isAdmitted).toBe(true)
  })

  it('asks before it decides in a process that was idle: once for a burst, and a forced circuit holds', async () => {
    const world = processes(2)
    const [here, idle] = world.gates as [World['first'], World['first']]
    await admit(world, idle)
    await world.time.run(here.gate.decide(target, 'forced_open'))
    world.time.advance(60_000)
    idle.store.afterMs = 40
    const { reads } = idle.store
    const startedAt = world.time.monotonic()
    const burst = Array.from({ length: 200 }, () => Promise.resolve(idle.gate.admit(target, limits)))
    const answers = await world.time.run(Promise.all(burst))
    expect(answers.filter(({ isAdmitted }) => isAdmitted)).toEqual([])
    expect([idle.store.reads - reads, world.time.monotonic() - startedAt]).toEqual([1, 40])
    // What was read just now decides at once.
    expect(idle.gate.admit(target, limits)).toEqual({ isAdmitted: false })
  })

  it('decides at once by what it saw less than two seconds ago, and then waits no longer than it may', async () => {
    const world = processes(1)
    await admit(world, world.first)
    world.first.store.afterMs = 4_000
    world.time.advance(1_999)
    expect(world.first.gate.admit(target, limits)).toMatchObject({ isAdmitted: true })
    await world.time.run(world.first.gate.close())
    world.time.advance(2_000)
    const startedAt = world.time.monotonic()
    expect((await admit(world, world.first)).isAdmitted).toBe(true)
    expect(world.time.monotonic() - startedAt).toBe(250)
    // The store was given its chance by then: whoever comes now does not wait for the same read.
    expect(world.first.gate.admit(target, limits)).toMatchObject({ isAdmitted: true })
    await world.time.run(world.first.gate.close())
  })

  it('waits for no store that failed the last time, until it has answered again', async () => {
    const world = processes(2)
    const [here, idle] = world.gates as [World['first'], World['first']]
    await admit(world, idle)
    idle.store.isDown = true
    world.time.advance(10_000)
    expect((await admit(world, idle)).isAdmitted).toBe(true)
    world.time.advance(10_000)
    idle.store.afterMs = 40
    expect(idle.gate.admit(target, limits)).toMatchObject({ isAdmitted: true })
    await world.time.run(idle.gate.close())
    expect(world.failures).toHaveLength(2)
    idle.store.isDown = false
    await world.time.run(here.gate.decide(target, 'forced_open'))
    world.time.advance(10_000)
    expect(idle.gate.admit(target, limits)).toMatchObject({ isAdmitted: true })
    await world.time.run(idle.gate.close())
    world.time.advance(10_000)
    await world.time.run(here.gate.decide(target, 'disabled'))
    expect(idle.gate.admit(target, limits)).toBeInstanceOf(Promise)
    expect((await admit(world, idle)).isAdmitted).toBe(true)
    await world.time.run(idle.gate.close())
  })

  it('waits for a probe no longer than what the wait for the read has left', async () => {
    const world = processes(1)
    await open(world)
    world.time.advance(60_000)
    world.first.store.afterMs = 200
    const startedAt = world.time.monotonic()
    expect((await admit(world, world.first)).isAdmitted).toBe(false)
    expect(world.time.monotonic() - startedAt).toBe(250)
    await world.time.run(world.first.gate.close())
  })

  it('is not stuck with a state that the store has lost', async () => {
    const world = processes(1)
    await open(world)
    world.shared.delete([target.endpointId])
    world.time.advance(60_000)
    expect((await admit(world, world.first)).isAdmitted).toBe(true)
  })

  it('does not let a late answer from before an outage open a circuit that has recovered', async () => {
    const world = processes(1)
    await admit(world, world.first)
    const late = Array.from({ length: 10 }, () => world.first.gate.admit(target, limits) as Admission)
    await open(world)
    await world.time.run(world.first.gate.decide(target, 'reset'))
    for (const admission of late) admission.settle('failure', 60_000)
    await world.time.run(world.first.gate.close())
    expect((await world.state())?.name).toBe('closed')
  })

  it('judges a failure rate over the successes as well, which it reported with the failures', async () => {
    const window = { kind: 'time', durationMs: 60_000, buckets: 12 } as const
    const world = processes(1, { failureThreshold: 0, failureRate: 0.5, minimumCalls: 10, window })
    for (let n = 0; n < 20; n++) await make(world, world.first, 'success')
    for (let n = 0; n < 19; n++) await make(world, world.first, 'failure')
    const state = await world.state()
    expect(state?.name).toBe('closed')
    expect(state && windowCounts(state, world.settings, world.time.now())).toMatchObject({
      successes: 20,
      failures: 19,
    })
    await make(world, world.first, 'failure')
    expect((await world.state())?.name).toBe('open')
  })

  it('opens by slow answers', async () => {
    const world = processes(1, {
      slowCall: { durationMs: 500, rate: 1 },
      minimumCalls: 3,
      window: { kind: 'count', size: 3 },
    })
    for (let n = 0; n < 3; n++) await make(world, world.first, 'success', 500)
    expect(world.changes).toMatchObject([{ to: 'open', reason: 'slow_call_rate' }])
  })
})
