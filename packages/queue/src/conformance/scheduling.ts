import { describe, expect, it, vi } from 'vitest'
import { benchOf, type QueueBackend, rows } from './harness.ts'

/** Due times, retries, and whose clock they are on. */
export function schedulingConformance(backend: QueueBackend): void {
  describe('scheduling', () => {
    const bench = benchOf(backend)

    it('leases what is due, each row once', async () => {
      const ids = await bench.harness.enqueue(rows(30, { group: 'a' }))
      const first = await bench.claim({ limit: 10 })
      const second = await bench.claim({ limit: 10 })
      const all = [...first, ...second].map(({ id }) => id)
      expect(first).toHaveLength(10)
      expect(second).toHaveLength(6)
      expect(new Set(all).size).toBe(16)
      expect(ids).toEqual(expect.arrayContaining(all))
    })

    it('says what a worker needs to know', async () => {
      const before = await bench.harness.now()
      const [id] = await bench.harness.enqueue([{ group: 'a' }])
      const [item] = await bench.claim()
      const after = await bench.harness.now()
      expect(item).toMatchObject({
        id,
        group: bench.harness.groupKey('a'),
        attemptCount: 0,
        claimCount: 1,
        allowance: null,
      })
      expect(item?.leaseToken).toMatch(/^[0-9a-f-]{36}$/)
      expect(item?.dueAtMs).toBeGreaterThanOrEqual(Math.floor(before))
      expect(item?.claimedAtMs).toBeGreaterThanOrEqual(item?.dueAtMs ?? Number.NaN)
      expect(item?.claimedAtMs).toBeLessThanOrEqual(Math.ceil(after))
    })

    it('gives nothing for a limit of nothing', async () => {
      await bench.harness.enqueue(rows(1))
      expect(await bench.claim({ limit: 0 })).toEqual([])
      expect(await bench.claim()).toHaveLength(1)
    })

    it('keeps a row until it is due', async () => {
      const [later, now] = await bench.harness.enqueue([{ dueInMs: 60_000 }, {}])
      expect(await bench.claimIds({ leaseMs: 3_600_000 })).toEqual([now])
      await bench.harness.pass(59_000)
      expect(await bench.claimIds()).toEqual([])
      await bench.harness.pass(1001)
      expect(await bench.claimIds()).toEqual([later])
    })

    it('takes the oldest first', async () => {
      const ids = await bench.harness.enqueue([
        { group: 'a', dueInMs: 30 },
        { group: 'b', dueInMs: 10 },
        { group: 'c', dueInMs: 20 },
      ])
      await bench.harness.pass(1000)
      const claimed: (string | undefined)[] = []
      for (let n = 0; n < 3; n += 1) claimed.push((await bench.claim({ limit: 1 }))[0]?.id)
      expect(claimed).toEqual([ids[1], ids[2], ids[0]])
    })

    it('returns an aborted claim with its reason and leases nothing', async () => {
      await bench.harness.enqueue(rows(1))
      const reason = new Error('enough')
      await expect(bench.claim({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      expect(await bench.claim()).toHaveLength(1)
    })

    it('retries after the delay, and burns an attempt only when told to', async () => {
      const [id] = await bench.harness.enqueue([{}])
      const first = await bench.claim()
      expect(await bench.end(first, { kind: 'retry', delayMs: 5000, burnAttempt: true })).toEqual([true])
      expect(await bench.claimIds()).toEqual([])
      await bench.harness.pass(5001)
      const second = await bench.claim()
      expect(second).toMatchObject([{ id, attemptCount: 1, claimCount: 1 }])
      await bench.end(second, { kind: 'retry', delayMs: 0, burnAttempt: false })
      expect(await bench.claim()).toMatchObject([{ id, attemptCount: 1, claimCount: 1 }])
    })

    it.each([{ kind: 'done' }, { kind: 'cancel' }, { kind: 'bury', reason: 'permanent' }] as const)(
      'lets a row go that is $kind',
      async (ending) => {
        await bench.harness.enqueue([{}])
        expect(await bench.end(await bench.claim(), ending)).toEqual([true])
        await bench.harness.pass(3_600_000)
        expect(await bench.claim()).toEqual([])
      },
    )

    it('knows no other clock than the store’s', async () => {
      await bench.harness.enqueue([{ group: 'a' }])
      const [claimed] = await bench.claim()
      vi.useFakeTimers({ toFake: ['Date'], now: new Date('2001-02-03T04:05:06Z') })
      try {
        await bench.harness.enqueue([{ group: 'b' }, { group: 'b', dueInMs: 60_000 }])
        const items = await bench.claim()
        expect(items).toHaveLength(1)
        expect(items[0]?.claimedAtMs).toBeGreaterThanOrEqual(claimed?.claimedAtMs ?? Number.NaN)
        await bench.end(items, { kind: 'retry', delayMs: 60_000, burnAttempt: true })
        expect(await bench.claim()).toEqual([])
        await bench.harness.pass(60_001)
        expect(await bench.claim()).toHaveLength(3)
      } finally {
        vi.useRealTimers()
      }
    })
  })
}
