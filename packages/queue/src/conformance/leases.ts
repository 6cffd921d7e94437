import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { benchOf, type QueueBackend, rows } from './harness.ts'

/** Expiry, renewal, return and fencing. */
export function leaseConformance(backend: QueueBackend): void {
  describe('leases', () => {
    const bench = benchOf(backend)

    it('makes a row claimable again when its lease ran out', async () => {
      const [id] = await bench.harness.enqueue([{}])
      const [lost] = await bench.claim({ leaseMs: 5000 })
      await bench.harness.pass(4000)
      expect(await bench.claim()).toEqual([])
      await bench.harness.pass(1001)
      const [again] = await bench.claim()
      expect(again).toMatchObject({ id, claimCount: 2, attemptCount: 0 })
      expect(again?.leaseToken).not.toBe(lost?.leaseToken)
    })

    it('counts every lost lease of a row that kills its workers', async () => {
      await bench.harness.enqueue([{}])
      for (let claims = 1; claims <= 4; claims += 1) {
        expect(await bench.claim({ leaseMs: 1000 })).toMatchObject([{ claimCount: claims }])
        await bench.harness.pass(1001)
      }
      await bench.end(await bench.claim(), { kind: 'retry', delayMs: 0, burnAttempt: true })
      expect(await bench.claim()).toMatchObject([{ claimCount: 1 }])
    })

    it('lets a late completion through while nobody else has the row', async () => {
      await bench.harness.enqueue([{}])
      const items = await bench.claim({ leaseMs: 1000 })
      expect(await bench.end(items)).toEqual([true])
      await bench.harness.pass(1001)
      expect(await bench.claim()).toEqual([])
    })

    it.each([
      { kind: 'done' },
      { kind: 'cancel' },
      { kind: 'retry', delayMs: 0, burnAttempt: true },
      { kind: 'bury', reason: 'permanent' },
    ] as const)('does not apply $kind with a stale token', async (ending) => {
      const [id] = await bench.harness.enqueue([{}])
      const stale = await bench.claim({ leaseMs: 1000 })
      await bench.harness.pass(1001)
      const fresh = await bench.claim({ leaseMs: 60_000 })
      expect(await bench.end(stale, ending)).toEqual([false])
      await bench.harness.pass(60_001)
      expect(await bench.claim()).toMatchObject([{ id, attemptCount: 0, claimCount: 3 }])
      expect(fresh).toHaveLength(1)
    })

    it('applies an outcome once', async () => {
      await bench.harness.enqueue([{}])
      const items = await bench.claim()
      expect(await bench.end(items)).toEqual([true])
      expect(await bench.end(items)).toEqual([false])
    })

    it('judges each outcome of a batch by itself, and answers in their order', async () => {
      await bench.harness.enqueue(rows(4))
      const items = await bench.claim()
      const outcomes = items.map(({ id, leaseToken }) => ({ id, leaseToken, kind: 'done' as const }))
      const unknown = { id: randomUUID(), leaseToken: randomUUID(), kind: 'done' as const }
      const mixed = [
        ...outcomes.slice(0, 2),
        unknown,
        ...outcomes.slice(2, 3).map((outcome) => ({ ...outcome, leaseToken: randomUUID() })),
        ...outcomes.slice(3),
      ]
      expect(await bench.queue.complete(mixed)).toEqual(
        mixed.map(({ id }, index) => ({ id, applied: index !== 2 && index !== 3 })),
      )
      expect(await bench.queue.complete([])).toEqual([])
    })

    it('renews the leases that are still held, and says which', async () => {
      await bench.harness.enqueue(rows(3))
      const items = await bench.claim({ leaseMs: 5000 })
      await bench.end(items.slice(2))
      await bench.harness.pass(3000)
      const stale = items.slice(1, 2).map(({ id }) => ({ id, leaseToken: randomUUID() }))
      const ours = await bench.queue.extend([...items.slice(0, 1), ...stale, ...items.slice(2)], 10_000)
      expect(ours).toEqual(items.slice(0, 1).map(({ id }) => id))
      await bench.harness.pass(2001)
      expect(await bench.claimIds()).toEqual(items.slice(1, 2).map(({ id }) => id))
      await bench.harness.pass(10_001)
      expect(await bench.claimIds()).toEqual(items.slice(0, 1).map(({ id }) => id))
    })

    it('never shortens a lease', async () => {
      await bench.harness.enqueue([{}])
      const items = await bench.claim({ leaseMs: 60_000 })
      await bench.queue.extend(items, 1000)
      await bench.harness.pass(30_000)
      expect(await bench.claim()).toEqual([])
    })

    it('gives released rows back at once, with nothing counted', async () => {
      const ids = await bench.harness.enqueue(rows(2))
      const items = await bench.claim()
      await bench.queue.release(items)
      const again = await bench.claim()
      expect(again.map(({ id }) => id).sort()).toEqual([...ids].sort())
      expect(again).toMatchObject(rows(2).map(() => ({ claimCount: 1, attemptCount: 0 })))
      expect(await bench.end(items)).toEqual([false, false])
    })

    it('gives released rows back after a delay, with nothing counted', async () => {
      await bench.harness.enqueue(rows(2))
      const [first, second] = await bench.claim()
      if (!first || !second) throw new Error('two rows')
      await bench.queue.release([first], { delayMs: 5_000 })
      await bench.harness.pass(4_000)
      expect(await bench.claim()).toEqual([])
      await bench.harness.pass(1_001)
      expect(await bench.claim()).toMatchObject([{ id: first.id, claimCount: 1, attemptCount: 0 }])
      expect(await bench.end([first, second])).toEqual([false, true])
    })

    it('does not release what somebody else holds', async () => {
      await bench.harness.enqueue([{}])
      const stale = await bench.claim({ leaseMs: 1000 })
      await bench.harness.pass(1001)
      const fresh = await bench.claim()
      await bench.queue.release(stale)
      expect(await bench.claim()).toEqual([])
      expect(await bench.end(fresh)).toEqual([true])
    })
  })
}
