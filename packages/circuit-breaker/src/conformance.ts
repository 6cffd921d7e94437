import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CircuitChange, CircuitEvent } from './events.ts'
import { addOutcome, outcomesOf } from './outcomes.ts'
import { holdsProbe } from './probes.ts'
import { type CircuitSettings, DEFAULT_CIRCUIT_SETTINGS } from './settings.ts'
import { type CircuitState, initialState } from './state.ts'
import type { AppliedDelta, CircuitStore } from './store.ts'

/** What a store's tests bring to {@link describeCircuitStore}. */
export interface CircuitStoreHarness {
  /** A store over the same data as every other one of this harness, as another process would open it. */
  open(): CircuitStore | Promise<CircuitStore>
  /** A key that was never used, whose circuit has these settings. */
  newKey(settings: CircuitSettings): string | Promise<string>
  /** Called once, after all tests. */
  close?(): void | Promise<void>
}

/** Long enough for any machine to do a few store operations in. */
const LONG_MS = 3_600_000
const CALLERS = 40

/**
 * The conformance suite of {@link CircuitStore}, in vitest. It waits for the store's own clock, by settings of a few
 * milliseconds, and for nothing else.
 *
 * ```ts
 * describeCircuitStore('PostgresCircuitStore', async () => ({ open: () => store, newKey: makeEndpoint }))
 * ```
 */
export function describeCircuitStore(
  name: string,
  makeHarness: () => CircuitStoreHarness | Promise<CircuitStoreHarness>,
): void {
  describe(`${name} is a circuit store`, () => {
    let harness: CircuitStoreHarness
    let store: CircuitStore
    let other: CircuitStore

    beforeAll(async () => {
      harness = await makeHarness()
      store = await harness.open()
      other = await harness.open()
    })
    afterAll(() => harness?.close?.())

    const newKey = async (settings: Partial<CircuitSettings> = {}) =>
      harness.newKey({ ...DEFAULT_CIRCUIT_SETTINGS, ...settings })
    const readOne = async (of: CircuitStore, key: string) => (await of.read([key])).get(key)
    const applyTo = async (of: CircuitStore, key: string, ...events: CircuitEvent[]) =>
      only(await of.apply([{ key, events }]), key)
    const openOne = async (key: string) => {
      const { state } = await applyTo(store, key, failures(DEFAULT_CIRCUIT_SETTINGS.failureThreshold, 0))
      expect(state.name).toBe('open')
    }
    /** Asks for a probe under fresh tokens until the store's clock allows it. */
    const probeWhenDue = async (key: string, prefix: string) => {
      for (let i = 0; ; i += 1) {
        const token = `${prefix}-${i}`
        const { state, changes } = await applyTo(store, key, { type: 'probe_acquired', token })
        if (holdsToken(state, token)) return { token, state, changes }
        await setImmediate()
      }
    }

    it('knows nothing of a key that was never written to', async () => {
      const key = await newKey()
      expect((await store.read([key])).size).toBe(0)
      expect(await store.read([])).toEqual(new Map())
    })

    it('answers an empty delta with the state, and no deltas with nothing', async () => {
      const key = await newKey()
      expect(await applyTo(store, key)).toEqual({ key, state: initialState(), changes: [] })
      expect(await store.apply([])).toEqual([])
    })

    it('keeps what was applied, and another instance reads the same', async () => {
      const keys = [await newKey(), await newKey()] as const
      await store.apply(keys.map((key, i) => ({ key, events: [failures(i + 1, 0)] })))
      const [mine, theirs] = [await store.read(keys), await other.read(keys)]
      expect(theirs).toEqual(mine)
      expect(keys.map((key) => theirs.get(key))).toMatchObject([
        { name: 'closed', consecutiveFailures: 1 },
        { name: 'closed', consecutiveFailures: 2 },
      ])
    })

    it('keeps every state through its JSON', async () => {
      const window = { kind: 'time', durationMs: LONG_MS, buckets: 4 } as const
      const key = await newKey({ openForMs: 1, window })
      const steps: CircuitEvent[] = [
        failures(1, 0),
        failures(4, 0),
        { type: 'force', to: 'disabled' },
        failures(2, 2),
        { type: 'force', to: 'forced_open' },
        { type: 'reset' },
      ]
      for (const event of steps) {
        const { state } = await applyTo(store, key, event)
        expect(await readOne(other, key)).toEqual(state)
        expect(JSON.parse(JSON.stringify(state))).toEqual(state)
      }
    })

    it('applies the events of a delta in order, and a key named twice one after the other', async () => {
      const key = await newKey()
      const answers = await store.apply([
        { key, events: [failures(5, 0), { type: 'reset' }] },
        { key, events: [failures(5, 0), { type: 'force', to: 'disabled' }] },
      ])
      const { state, changes } = only(answers, key)
      // The second batch is of epoch 0, which ended with the reset.
      expect(changes.map((change) => change.to)).toEqual(['open', 'closed', 'disabled'])
      expect(state).toMatchObject({ name: 'disabled', epoch: 3 })
    })

    it('counts every outcome of callers that write at once', async () => {
      const key = await newKey({ failureThreshold: 10_000 })
      await atOnce(CALLERS, (i) => applyTo(i % 2 === 0 ? store : other, key, failures(1, 0)))
      expect(await readOne(store, key)).toMatchObject({ name: 'closed', consecutiveFailures: CALLERS })
    })

    it('opens exactly once however many callers fail at once', async () => {
      const key = await newKey({ failureThreshold: CALLERS / 2 })
      const answers = await atOnce(CALLERS, (i) => applyTo(i % 2 === 0 ? store : other, key, failures(1, 0)))
      expect(answers.flatMap((answer) => answer.changes)).toMatchObject([
        { from: 'closed', to: 'open', epoch: 1, reason: 'consecutive_failures' },
      ])
      expect(await readOne(store, key)).toMatchObject({ name: 'open', epoch: 1 })
    })

    it('loses no transition of callers that write at once', async () => {
      const key = await newKey()
      const answers = await atOnce(CALLERS, (i) =>
        applyTo(i % 2 === 0 ? store : other, key, { type: 'reset' }),
      )
      const epochs = answers.flatMap((answer) => answer.changes.map((change) => change.epoch))
      expect(epochs.sort((a, b) => a - b)).toEqual(Array.from({ length: CALLERS }, (_, i) => i + 1))
      expect(await readOne(store, key)).toMatchObject({ epoch: CALLERS })
    })

    it('lets callers with the same keys in opposite order finish', async () => {
      const keys = [await newKey(), await newKey(), await newKey()]
      const backwards = [...keys].reverse()
      await atOnce(CALLERS, (i) =>
        (i % 2 === 0 ? store : other).apply(
          (i % 4 < 2 ? keys : backwards).map((key) => ({ key, events: [{ type: 'reset' }] })),
        ),
      )
      const states = await store.read(keys)
      expect(keys.map((key) => states.get(key)?.epoch)).toEqual(keys.map(() => CALLERS))
    })

    it('ignores outcomes of another epoch', async () => {
      const key = await newKey()
      await applyTo(store, key, { type: 'reset' })
      const before = await readOne(store, key)
      const { state, changes } = await applyTo(other, key, failures(1_000, 0))
      expect(changes).toEqual([])
      expect(state).toEqual(before)
      expect(await readOne(store, key)).toEqual(before)
    })

    it('refuses probes while the circuit is open', async () => {
      const key = await newKey({ openForMs: LONG_MS })
      await openOne(key)
      const { state, changes } = await applyTo(other, key, { type: 'probe_acquired', token: 'early' })
      expect(changes).toEqual([])
      expect(state).toMatchObject({ name: 'open', epoch: 1 })
    })

    it('grants one probe however many ask at once, and repeats its answer to the one who holds it', async () => {
      const key = await newKey({ openForMs: 1, probeLeaseMs: LONG_MS })
      await openOne(key)
      const { token: first, changes } = await probeWhenDue(key, 'first')
      expect(changes).toMatchObject([{ from: 'open', to: 'half_open', epoch: 2 }])
      await applyTo(store, key, { type: 'probe_outcome', token: first, outcome: 'released' })

      const tokens = Array.from({ length: CALLERS }, (_, i) => `rival-${i}`)
      const answers = await Promise.all(
        tokens.map((token, i) =>
          applyTo(i % 2 === 0 ? store : other, key, { type: 'probe_acquired', token }),
        ),
      )
      const granted = tokens.filter((token, i) => holdsToken(answers[i]?.state, token))
      expect(granted).toHaveLength(1)
      for (const { state } of answers) expect(state).toMatchObject({ probes: [{ token: granted[0] }] })

      const again = await applyTo(store, key, { type: 'probe_acquired', token: granted[0] ?? '' })
      expect(again.state).toEqual(await readOne(other, key))
      expect(holdsToken(again.state, granted[0] ?? '')).toBe(true)
    })

    it('gives the place of an expired probe to the next one and ignores its late outcome', async () => {
      const key = await newKey({ openForMs: 1, probeLeaseMs: 5, successThreshold: 2 })
      await openOne(key)
      const { token: lost } = await probeWhenDue(key, 'lost')
      const { token: next, state } = await probeWhenDue(key, 'next')
      expect(state).toMatchObject({ name: 'half_open', epoch: 2, probes: [{ token: next }] })
      const late = await applyTo(other, key, { type: 'probe_outcome', token: lost, outcome: 'failure' })
      expect(late.changes).toEqual([])
      expect(late.state).toMatchObject({ name: 'half_open', epoch: 2, successes: 0 })
    })

    it('closes after enough probes and says when, by its own clock', async () => {
      const key = await newKey({ openForMs: 1, successThreshold: 3 })
      await openOne(key)
      const changes: CircuitChange[] = []
      let state: CircuitState | undefined
      for (const round of ['a', 'b', 'c']) {
        const { token } = await probeWhenDue(key, round)
        const answer = await applyTo(other, key, { type: 'probe_outcome', token, outcome: 'success' })
        changes.push(...answer.changes)
        state = answer.state
      }
      expect(changes).toMatchObject([{ from: 'half_open', to: 'closed', epoch: 3 }])
      expect(state).toMatchObject({ name: 'closed', closedAt: changes[0]?.at })
    })

    it('opens again for a whole period after a failed probe', async () => {
      const key = await newKey({ openForMs: 20 })
      await openOne(key)
      const { token } = await probeWhenDue(key, 'only')
      const { state, changes } = await applyTo(store, key, {
        type: 'probe_outcome',
        token,
        outcome: 'failure',
      })
      const at = changes[0]?.at ?? Number.NaN
      expect(state).toEqual({ name: 'open', epoch: 3, openedAt: at, nextProbeAt: at + 20 })
    })
  })
}

function failures(count: number, epoch: number): CircuitEvent {
  let batch = outcomesOf(epoch)
  for (let i = 0; i < count; i += 1) batch = addOutcome(batch, 'failure')
  return batch
}

/** Without a look at the clock: the state was answered by the store a moment ago, at a time of its own. */
function holdsToken(state: CircuitState | undefined, token: string): boolean {
  return state !== undefined && holdsProbe(state, token, Number.NEGATIVE_INFINITY)
}

function only(answers: AppliedDelta[], key: string): AppliedDelta {
  expect(answers.map((answer) => answer.key)).toEqual([key])
  const [answer] = answers
  if (answer === undefined) throw new Error(`the store gave no answer for ${key}`)
  return answer
}

function atOnce<T>(count: number, task: (i: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => task(i)))
}
