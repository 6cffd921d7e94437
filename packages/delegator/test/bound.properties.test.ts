import type { CircuitDelta, CircuitStore } from '@posthorn/circuit-breaker'
import { MemoryCircuitStore } from '@posthorn/circuit-breaker'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnswerCache,
  type CallResult,
  createDelegator,
  type DelegatorOptions,
  GRACE_MS,
  MemoryAnswerCache,
  MemoryApprovalStore,
} from '../src/index.ts'
import { appWith, capability } from './apps.ts'
import { answered, FakeDispatcher, failed } from './fake-dispatcher.ts'
import { RecordingLog } from './recording-log.ts'
import { VirtualTime } from './virtual-time.ts'

/** How long something takes: nothing, moments, about a timeout, for ever. */
const latency = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 300, max: 12_000 }),
  fc.constant(Number.POSITIVE_INFINITY),
)
/** How something that others keep behaves: how long it takes, and whether it then fails. */
const neighbour = fc.oneof(
  { weight: 2, arbitrary: fc.record({ afterMs: fc.constant(0), fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ afterMs: latency, fails: fc.boolean() }) },
)
type Neighbour = { readonly afterMs: number; readonly fails: boolean }

const reply = fc.record({
  afterMs: latency,
  result: fc.constantFrom(
    answered({ success: true, data: 1 }),
    answered({ success: false, error: 'no' }),
    failed('connection'),
    failed('http_5xx'),
    failed('http_4xx', 'permanent'),
    failed('http_429', 'retryable', { retryAfterMs: 700 }),
    failed('internal', 'requeue'),
  ),
  isStubborn: fc.boolean(),
})

const world = fc.record({
  timeoutMs: fc.constantFrom(1_000, 1_001, 2_500, 10_000, 30_000),
  budgetMs: fc.option(fc.integer({ min: 1, max: 12_000 }), { nil: undefined }),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  cacheTtlMs: fc.constantFrom(0, 60_000),
  isAsync: fc.boolean(),
  strategy: fc.constantFrom('static', 'last-good', 'pending-approval', 'random-winner', 'unheard-of'),
  replies: fc.array(reply, { minLength: 1, maxLength: 4 }),
  circuit: fc.constantFrom('closed', 'open', 'due'),
  directory: neighbour,
  circuits: neighbour,
  cache: neighbour,
  approvals: neighbour,
  queue: neighbour,
  lateMs: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 }),
})

/** Everything beside the app behind neighbours that may be slow, silent or broken. */
class World {
  readonly time: VirtualTime
  readonly log = new RecordingLog()
  readonly options: DelegatorOptions
  readonly dispatcher: FakeDispatcher
  /** Timers of the delegator that are set; those of its neighbours are not among them. */
  timers = 0

  constructor(given: typeof world extends fc.Arbitrary<infer T> ? T : never) {
    let late = 0
    this.time = new VirtualTime(() => given.lateMs[late++ % given.lateMs.length] ?? 0)
    this.dispatcher = new FakeDispatcher(this.time, given.replies)
    const fallback = { strategy: given.strategy, options: {} }
    const { timeoutMs, cacheTtlMs, isAsync } = given
    const retry = { ...capability({ url: 'https://app.example/' }).retry, maxAttempts: given.maxAttempts }
    const app = appWith(
      capability({ url: 'https://app.example/', timeoutMs, cacheTtlMs, isAsync, fallback, retry }),
    )
    const kept = new MemoryAnswerCache({ clock: this.time })
    const store = new MemoryCircuitStore({ clock: this.time })
    const due = given.circuit === 'due' ? -60_000 : 0
    if (given.circuit !== 'closed') void openCircuit(store)
    this.time.advance(-due)
    const cache: AnswerCache = {
      get: (key) => this.#behind(given.cache, () => kept.get(key)),
      set: (...entry) => this.#behind(given.cache, () => kept.set(...entry)),
    }
    const approvals = new MemoryApprovalStore({ clock: this.time })
    const circuitStore: CircuitStore = {
      read: (keys) => this.#behind(given.circuits, () => store.read(keys)),
      apply: (deltas) => this.#behind(given.circuits, () => store.apply(deltas)),
    }
    this.options = {
      apps: { find: () => this.#behind(given.directory, async () => app) },
      dispatcher: this.dispatcher,
      circuitStore,
      cache,
      approvals: { create: (one) => this.#behind(given.approvals, () => approvals.create(one)) },
      queue: { enqueue: () => this.#behind(given.queue, async () => ({ deliveryId: 'dlv_1' })) },
      log: this.log,
      clock: this.time,
      timers: { after: (ms, callback) => this.#after(ms, callback) },
      random: () => 0.5,
    }
  }

  #after(ms: number, callback: () => void): () => void {
    this.timers++
    let isSet = true
    const unset = () => {
      if (isSet) this.timers--
      isSet = false
    }
    const cancel = this.time.after(ms, () => {
      unset()
      callback()
    })
    return () => {
      unset()
      cancel()
    }
  }

  async #behind<T>({ afterMs, fails }: Neighbour, act: () => Promise<T>): Promise<T> {
    if (afterMs > 0) await this.time.sleep(afterMs)
    if (fails) throw new Error('a neighbour failed')
    return act()
  }
}

function openCircuit(store: CircuitStore): Promise<unknown> {
  const event = {
    type: 'outcomes',
    epoch: 0,
    successes: 0,
    failures: 5,
    slow: 0,
    leadingFailures: 5,
    consecutiveFailures: 5,
  } as const
  const delta: CircuitDelta = { key: 'app/quiz_answer', events: [event] }
  return store.apply([delta])
}

describe('a call', () => {
  it('is answered within its timeout + 500 ms, whatever takes how long, and leaves no timer behind', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        const made = new World(given)
        const { options, time, log, dispatcher } = made
        const delegator = createDelegator(options)
        const { budgetMs = Number.POSITIVE_INFINITY } = given
        const caller = Number.isFinite(budgetMs) ? delegator.operation({ budgetMs }) : delegator
        const startedAt = time.monotonic()
        const result: CallResult = await time.run(
          caller.call('app', 'quiz_answer', { candidates: ['a', 'b'] }),
        )
        const tookMs = time.monotonic() - startedAt
        expect(tookMs).toBeLessThanOrEqual(Math.min(given.timeoutMs, budgetMs) + GRACE_MS)
        expect(Math.abs(result.durationMs - tookMs)).toBeLessThanOrEqual(0.1)
        expect(result.attempts).toBeLessThanOrEqual(given.isAsync ? 0 : given.maxAttempts)
        expect(dispatcher.requests.length).toBe(result.attempts)
        expect(result.outcome === 'fallback').toBe(result.reason !== undefined)
        if (result.source === 'app') expect(result.data).toBe(1)
        await time.run(delegator.flush())
        const { directory, circuits, cache, approvals, queue } = given
        const neighbours = [directory, circuits, cache, approvals, queue]
        // Where a neighbour is slow, it may still be waited for beside the call.
        if (neighbours.every(({ afterMs }) => afterMs === 0)) {
          expect(made.timers).toBe(0)
          seen.add('no timers')
        }
        // Whatever was cut off ends by itself; then nothing waits any more, and everything is on record.
        await time.drain()
        await time.run(delegator.close())
        expect(time.pending).toBe(0)
        expect(log.calls).toMatchObject([{ outcome: result.outcome, reason: result.reason ?? null }])
        expect(log.attempts.length).toBe(result.attempts)
        seen.add(`${result.outcome} ${result.reason ?? result.source}`)
      }),
      { numRuns: 1_500 },
    )
    // The worlds are not all alike: every way for a call to end was met.
    for (const end of [
      'no timers',
      'ok app',
      'queued queue',
      ...['timeout', 'http_5xx', 'http_4xx', 'app_error'],
    ]) {
      expect([...seen].some((one) => one.includes(end))).toBe(true)
    }
    for (const reason of ['connection', 'circuit_open', 'unavailable', 'internal', 'budget_exhausted']) {
      expect(seen).toContain(`fallback ${reason}`)
    }
  })
})
