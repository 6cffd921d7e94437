import { describe, expect, it } from 'vitest'
import type { QueueItem } from '../types.ts'
import { benchOf, type QueueBackend } from './harness.ts'

/** Small deterministic random numbers (mulberry32), so that a failure can be run again. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

interface Known {
  group: string
  orderingKey?: string
  state: 'waiting' | 'leased' | 'over'
}

/** Long random histories: whatever happens, nothing is lost, doubled, out of order or above its cap. */
export function invariantConformance(backend: QueueBackend): void {
  describe('in any history', () => {
    const bench = benchOf(backend)
    const caps: Record<string, number> = { a: 2, b: 5, c: 1000 }

    it.each([1, 2, 3, 4])('keeps its promises (%i)', async (seed) => {
      const random = seeded(seed)
      const known = new Map<string, Known>()
      const leased = new Map<string, QueueItem>()
      for (const [group, maxInFlight] of Object.entries(caps))
        await bench.harness.setGate(group, { maxInFlight })
      const claimers = [bench.queue, bench.harness.another()]

      const enqueue = async () => {
        const items = Array.from({ length: 1 + random(6) }, () => {
          const group = ['a', 'b', 'c'][random(3)] ?? 'a'
          return random(2) === 0 ? { group } : { group, orderingKey: `k${random(3)}` }
        })
        const ids = await bench.harness.enqueue(items)
        for (const [index, item] of items.entries())
          known.set(ids[index] ?? '', { ...item, state: 'waiting' })
      }
      const checkOrder = (id: string, row: Known) => {
        if (row.orderingKey === undefined) return
        for (const [other, before] of known) {
          if (other === id) return
          const isSameKey = before.group === row.group && before.orderingKey === row.orderingKey
          if (isSameKey) expect(before.state).toBe('over')
        }
      }
      const claim = async () => {
        const claims = claimers.map((queue) => queue.claim({ limit: 1 + random(8), leaseMs: 60_000 }))
        for (const item of (await Promise.all(claims)).flat()) {
          const row = known.get(item.id)
          expect(row?.state).toBe('waiting')
          if (!row) continue
          checkOrder(item.id, row)
          row.state = 'leased'
          leased.set(item.id, item)
        }
        for (const [group, cap] of Object.entries(caps)) {
          const inFlight = [...leased.keys()].filter((id) => known.get(id)?.group === group).length
          expect(inFlight).toBeLessThanOrEqual(cap)
        }
      }
      const end = async () => {
        const items = [...leased.values()].filter(() => random(3) > 0)
        const outcomes = items.map(({ id, leaseToken }) =>
          random(3) === 0
            ? { id, leaseToken, kind: 'retry' as const, delayMs: random(2) * 5000, burnAttempt: true }
            : { id, leaseToken, kind: 'done' as const },
        )
        for (const { applied } of await bench.queue.complete(outcomes)) expect(applied).toBe(true)
        for (const { id, kind } of outcomes) {
          leased.delete(id)
          const row = known.get(id)
          if (row) row.state = kind === 'done' ? 'over' : 'waiting'
        }
      }
      const giveBack = async () => {
        const items = [...leased.values()].filter(() => random(4) === 0)
        await bench.queue.release(items)
        for (const { id } of items) {
          leased.delete(id)
          const row = known.get(id)
          if (row) row.state = 'waiting'
        }
      }
      const loseEverything = async () => {
        await bench.harness.pass(60_001)
        const stale = [...leased.values()]
        for (const { id } of stale) {
          const row = known.get(id)
          if (row) row.state = 'waiting'
        }
        leased.clear()
      }
      const actions = [enqueue, claim, claim, end, claim, giveBack, () => bench.harness.pass(random(6000))]
      for (let step = 0; step < 60; step += 1) {
        // Time that passes must not end a lease that the model still holds.
        for (const item of leased.values()) await bench.queue.extend([item], 60_000)
        await (random(30) === 0 ? loseEverything() : actions[random(actions.length)]?.())
      }
      await loseEverything()
      for (let rounds = 0; rounds < 2000; rounds += 1) {
        if ([...known.values()].every(({ state }) => state === 'over')) break
        await bench.harness.pass(5000)
        await claim()
        await end()
      }
      expect([...known.values()].filter(({ state }) => state !== 'over')).toEqual([])
    })
  })
}
