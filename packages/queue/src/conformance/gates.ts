import { describe, expect, it } from 'vitest'
import { benchOf, countByGroup, type QueueBackend, rows } from './harness.ts'

/** Caps, allowances, exclusions, shared limits. */
export function gateConformance(backend: QueueBackend): void {
  describe('gates', () => {
    const bench = benchOf(backend)
    const key = (group: string) => bench.harness.groupKey(group)

    it('keeps a group at sixteen unless told otherwise', async () => {
      await bench.harness.enqueue(rows(20, { group: 'a' }))
      const items = await bench.claim()
      expect(items).toHaveLength(16)
      await bench.end(items.slice(0, 3))
      expect(await bench.claim()).toHaveLength(3)
    })

    it('keeps a cap exact with two claimers at once', async () => {
      await bench.harness.setGate('a', { maxInFlight: 5 })
      await bench.harness.enqueue([...rows(60, { group: 'a' }), ...rows(5, { group: 'b' })])
      const other = bench.harness.another()
      let inHand = await bench.claim({ limit: 0 })
      for (let round = 0; round < 8; round += 1) {
        const request = { limit: 4, leaseMs: 30_000 }
        const claims = await Promise.all([
          bench.queue.claim(request),
          other.claim(request),
          bench.queue.claim(request),
          other.claim(request),
        ])
        inHand.push(...claims.flat())
        expect(countByGroup(inHand).get(key('a'))).toBe(5)
        expect(new Set(inHand.map(({ id }) => id)).size).toBe(inHand.length)
        await bench.end(inHand.slice(0, 2))
        inHand = inHand.slice(2)
      }
    })

    it('does not count leases that ran out', async () => {
      await bench.harness.setGate('a', { maxInFlight: 2 })
      await bench.harness.enqueue(rows(4, { group: 'a' }))
      await bench.claim({ leaseMs: 1000 })
      expect(await bench.claim()).toEqual([])
      await bench.harness.pass(1001)
      expect(await bench.claim()).toHaveLength(2)
    })

    it('gives nothing at a cap or an allowance of 0, and the others their share', async () => {
      await bench.harness.setGate('capped', { maxInFlight: 0 })
      await bench.harness.setGate('paused', { allowance: 0 })
      await bench.harness.enqueue([
        ...rows(5, { group: 'capped' }),
        ...rows(5, { group: 'paused' }),
        ...rows(5, { group: 'free' }),
      ])
      expect(countByGroup(await bench.claim())).toEqual(new Map([[key('free'), 5]]))
      await bench.harness.setGate('paused', { allowance: null })
      expect(countByGroup(await bench.claim())).toEqual(new Map([[key('paused'), 5]]))
    })

    it('gives at most the allowance in one claim, and says it', async () => {
      await bench.harness.setGate('probed', { allowance: 2 })
      await bench.harness.enqueue([...rows(5, { group: 'probed' }), ...rows(2, { group: 'free' })])
      const items = await bench.claim()
      expect(countByGroup(items)).toEqual(
        new Map([
          [key('probed'), 2],
          [key('free'), 2],
        ]),
      )
      for (const { group, allowance } of items) expect(allowance).toBe(group === key('probed') ? 2 : null)
      expect(await bench.claim()).toHaveLength(2)
    })

    it('counts the allowance within the cap', async () => {
      await bench.harness.setGate('a', { maxInFlight: 3, allowance: 2 })
      await bench.harness.enqueue(rows(9, { group: 'a' }))
      expect(await bench.claim()).toHaveLength(2)
      expect(await bench.claim()).toHaveLength(1)
      expect(await bench.claim()).toHaveLength(0)
    })

    it('leaves excluded groups alone', async () => {
      await bench.harness.enqueue([...rows(3, { group: 'a' }), ...rows(3, { group: 'b' })])
      const items = await bench.claim({ excludedGroups: [key('a')] })
      expect(countByGroup(items)).toEqual(new Map([[key('b'), 3]]))
    })

    it('holds each group to perGroup', async () => {
      await bench.harness.enqueue([...rows(9, { group: 'a' }), ...rows(2, { group: 'b' })])
      expect(countByGroup(await bench.claim({ perGroup: 3 }))).toEqual(
        new Map([
          [key('a'), 3],
          [key('b'), 2],
        ]),
      )
    })

    it('holds slow groups to what they share, and fills the rest with others', async () => {
      await bench.harness.enqueue([
        ...rows(10, { group: 'slow 1' }),
        ...rows(10, { group: 'slow 2' }),
        ...rows(10, { group: 'fast' }),
      ])
      const shared = { groups: [key('slow 1'), key('slow 2')], limit: 6 }
      const counts = countByGroup(await bench.claim({ limit: 14, shared }))
      expect(counts.get(key('fast'))).toBeGreaterThanOrEqual(8)
      expect((counts.get(key('slow 1')) ?? 0) + (counts.get(key('slow 2')) ?? 0)).toBeLessThanOrEqual(6)
      expect([...counts.values()].reduce((sum, count) => sum + count)).toBe(14)
      const none = await bench.claim({ shared: { ...shared, limit: 0 } })
      expect(countByGroup(none).size).toBeLessThanOrEqual(1)
      expect(none.some(({ group }) => group !== key('fast'))).toBe(false)
    })

    it('refuses a request that makes no sense, all of it at once', async () => {
      await expect(bench.claim({ limit: -1, leaseMs: 0, perGroup: 0.5 })).rejects.toMatchObject({
        code: 'validation',
        issues: [{ path: 'limit' }, { path: 'leaseMs' }, { path: 'perGroup' }],
      })
    })
  })
}
