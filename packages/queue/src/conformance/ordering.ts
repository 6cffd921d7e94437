import { describe, expect, it } from 'vitest'
import { benchOf, type QueueBackend, rows } from './harness.ts'

/** First in, first out, by ordering key. */
export function orderingConformance(backend: QueueBackend): void {
  describe('ordering keys', () => {
    const bench = benchOf(backend)

    it('works a key one row after the other', async () => {
      const ids = await bench.harness.enqueue(rows(4, { orderingKey: 'k' }))
      const order: string[] = []
      for (let n = 0; n < 4; n += 1) {
        const items = await bench.claim()
        expect(items).toHaveLength(1)
        expect(await bench.claim()).toEqual([])
        order.push(...items.map(({ id }) => id))
        await bench.end(items)
      }
      expect(order).toEqual(ids)
    })

    it('gives a head and nothing behind it to two claimers at once', async () => {
      const ids = await bench.harness.enqueue(rows(5, { orderingKey: 'k' }))
      const request = { limit: 10, leaseMs: 30_000 }
      const claims = await Promise.all([
        bench.queue.claim(request),
        bench.harness.another().claim(request),
        bench.queue.claim(request),
      ])
      expect(claims.flat().map(({ id }) => id)).toEqual(ids.slice(0, 1))
    })

    it('waits behind a head that waits for its retry', async () => {
      const ids = await bench.harness.enqueue(rows(3, { orderingKey: 'k' }))
      await bench.end(await bench.claim(), { kind: 'retry', delayMs: 10_000, burnAttempt: true })
      expect(await bench.claim()).toEqual([])
      await bench.harness.pass(10_001)
      expect(await bench.claim()).toMatchObject([{ id: ids[0], attemptCount: 1 }])
    })

    it('waits behind a head that is scheduled for later', async () => {
      const ids = await bench.harness.enqueue([{ orderingKey: 'k', dueInMs: 5000 }, { orderingKey: 'k' }])
      expect(await bench.claim()).toEqual([])
      await bench.harness.pass(5001)
      expect(await bench.claimIds()).toEqual(ids.slice(0, 1))
    })

    it.each([{ kind: 'cancel' }, { kind: 'bury', reason: 'permanent' }] as const)(
      'goes on behind a head that was ended by $kind',
      async (ending) => {
        const ids = await bench.harness.enqueue(rows(2, { orderingKey: 'k' }))
        await bench.end(await bench.claim(), ending)
        expect(await bench.claimIds()).toEqual(ids.slice(1))
      },
    )

    it('reclaims a lost head before what is behind it', async () => {
      const ids = await bench.harness.enqueue(rows(2, { orderingKey: 'k' }))
      await bench.claim({ leaseMs: 1000 })
      await bench.harness.pass(1001)
      expect(await bench.claimIds()).toEqual(ids.slice(0, 1))
    })

    it('keeps the keys of different groups apart', async () => {
      const ids = await bench.harness.enqueue([
        { group: 'a', orderingKey: 'k' },
        { group: 'b', orderingKey: 'k' },
      ])
      expect(await bench.claimIds()).toEqual([...ids].sort())
    })

    it('goes on with other keys and without a key while thousands wait behind one head', async () => {
      await bench.harness.enqueue([{ orderingKey: 'stuck' }])
      await bench.end(await bench.claim(), { kind: 'retry', delayMs: 3_600_000, burnAttempt: true })
      await bench.harness.enqueue(rows(10_000, { orderingKey: 'stuck' }))
      const free = await bench.harness.enqueue([
        { orderingKey: 'x' },
        { orderingKey: 'x' },
        { orderingKey: 'y' },
        {},
        {},
        { group: 'elsewhere', orderingKey: 'z' },
      ])
      const claimed: string[] = []
      for (let claims = 0; claims < 4; claims += 1) {
        const items = await bench.claim({ limit: 50 })
        claimed.push(...items.map(({ id }) => id))
        await bench.end(items)
      }
      expect(claimed.sort()).toEqual([...free].sort())
    })

    it('reaches every key of a group although more of them are stuck than one claim visits', async () => {
      const stuck = Array.from({ length: 700 }, (_, index) => `a${String(index).padStart(4, '0')}`)
      await bench.harness.enqueue(stuck.map((orderingKey) => ({ orderingKey, dueInMs: 3_600_000 })))
      await bench.harness.enqueue(stuck.flatMap((orderingKey) => rows(4, { orderingKey })))
      const [free] = await bench.harness.enqueue([{ orderingKey: 'zzz' }])
      const claimed: string[] = []
      for (let claims = 0; claims < 6; claims += 1) claimed.push(...(await bench.claimIds({ limit: 50 })))
      expect(claimed).toEqual([free])
    })

    it('keeps heads within their group’s cap', async () => {
      await bench.harness.setGate('a', { maxInFlight: 3 })
      await bench.harness.enqueue(
        Array.from({ length: 10 }, (_, index) => ({ group: 'a', orderingKey: `k${index}` })),
      )
      expect(await bench.claim()).toHaveLength(3)
      expect(await bench.claim()).toHaveLength(0)
    })
  })

  describe('ordering keys that halt', () => {
    const bench = benchOf(backend, { haltKeys: true })

    it('blocks a key behind a buried row until it is discarded', async () => {
      const ids = await bench.harness.enqueue([...rows(2, { orderingKey: 'k' }), {}])
      await bench.end(await bench.claim(), { kind: 'bury', reason: 'permanent' })
      await bench.harness.pass(3_600_000)
      expect(await bench.claim()).toEqual([])
      await bench.harness.discard(ids[0] ?? '')
      expect(await bench.claimIds()).toEqual(ids.slice(1, 2))
    })
  })
}
