import { describe, expect, it } from 'vitest'
import { benchOf, countByGroup, type QueueBackend, rows } from './harness.ts'

/** One crowded group never delays the others. */
export function fairnessConformance(backend: QueueBackend): void {
  describe('fairness', () => {
    const bench = benchOf(backend)
    const key = (group: string) => bench.harness.groupKey(group)
    const others = Array.from({ length: 100 }, (_, index) => `other ${index}`)

    it('serves a hundred groups beside one with thousands of older rows', async () => {
      await bench.harness.setGate('flooded', { maxInFlight: 1000 })
      await bench.harness.enqueue(rows(6000, { group: 'flooded' }))
      await bench.harness.enqueue(others.map((group) => ({ group })))
      const counts = countByGroup(await bench.claim({ limit: 200 }))
      for (const group of others) expect(counts.get(key(group))).toBe(1)
      expect(counts.get(key('flooded'))).toBe(100)
    })

    it('serves others in every claim while they have something due', async () => {
      await bench.harness.setGate('flooded', { maxInFlight: 1000 })
      await bench.harness.enqueue(rows(6000, { group: 'flooded' }))
      await bench.harness.enqueue(others.flatMap((group) => rows(4, { group })))
      let left = 400
      for (let claims = 0; left > 0 && claims < 8; claims += 1) {
        const items = await bench.claim({ limit: 100 })
        const served = items.filter(({ group }) => group !== key('flooded')).length
        expect(served).toBeGreaterThanOrEqual(Math.min(left, 80))
        expect(items).toHaveLength(100)
        left -= served
        await bench.end(items)
      }
      expect(left).toBe(0)
    })

    it('serves others while the crowded group may not give anything', async () => {
      await bench.harness.setGate('stopped', { allowance: 0 })
      await bench.harness.enqueue(rows(5000, { group: 'stopped' }))
      await bench.harness.enqueue(others.map((group) => ({ group })))
      expect(countByGroup(await bench.claim({ limit: 200 })).size).toBe(100)
      expect(await bench.claim({ limit: 200 })).toEqual([])
    })

    it('lets an only group have the whole batch', async () => {
      await bench.harness.setGate('only', { maxInFlight: 1000 })
      await bench.harness.enqueue(rows(300, { group: 'only' }))
      expect(await bench.claim({ limit: 250 })).toHaveLength(250)
    })

    it('serves others beside many slow groups that share a limit', async () => {
      const slow = Array.from({ length: 50 }, (_, index) => `slow ${index}`)
      await bench.harness.enqueue(slow.flatMap((group) => rows(60, { group })))
      await bench.harness.enqueue(others.map((group) => ({ group })))
      const shared = { groups: slow.map(key), limit: 20 }
      const items = await bench.claim({ limit: 120, shared })
      const served = new Set(items.map(({ group }) => group))
      for (const group of others) expect(served).toContain(key(group))
      expect(items).toHaveLength(120)
    })
  })
}
