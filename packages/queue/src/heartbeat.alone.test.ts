import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts'
import type { Lease } from './types.ts'

const lease = (id: string, leaseToken = `${id} token`): Lease => ({ id, leaseToken })

describe('Heartbeat', () => {
  const opened: Heartbeat[] = []
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await Promise.all(opened.splice(0).map((heartbeat) => heartbeat.close()))
  })

  function open(options: Partial<HeartbeatOptions> = {}) {
    const calls: string[][] = []
    const heartbeat = new Heartbeat({
      leaseMs: 3000,
      extend: async (leases) => {
        calls.push(leases.map(({ id }) => id))
        return leases.map(({ id }) => id)
      },
      ...options,
    })
    opened.push(heartbeat)
    return { heartbeat, calls }
  }

  it('renews each lease three times in its length, until it is forgotten', async () => {
    const { heartbeat, calls } = open()
    heartbeat.track(lease('a'), performance.now())
    await vi.advanceTimersByTimeAsync(3000)
    expect(calls).toEqual([['a'], ['a'], ['a']])
    heartbeat.forget(lease('a'))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(calls).toHaveLength(3)
    expect(heartbeat.size).toBe(0)
  })

  it('leaves fresh leases alone', async () => {
    const { heartbeat, calls } = open()
    heartbeat.track(lease('old'), performance.now())
    await vi.advanceTimersByTimeAsync(900)
    heartbeat.track(lease('fresh'), performance.now())
    await vi.advanceTimersByTimeAsync(100)
    expect(calls).toEqual([['old']])
  })

  it('counts a lease from before it was asked for', async () => {
    const { heartbeat } = open()
    const askedAt = performance.now()
    await vi.advanceTimersByTimeAsync(500)
    heartbeat.track(lease('a'), askedAt)
    expect(heartbeat.remainingMs(lease('a'))).toBe(2500)
    expect(heartbeat.remainingMs(lease('a', 'another'))).toBe(0)
    expect(heartbeat.remainingMs(lease('b'))).toBe(0)
  })

  it('says which leases went to somebody else', async () => {
    const lost: Lease[] = []
    const { heartbeat } = open({ extend: async () => ['b'], onLost: (gone) => lost.push(gone) })
    heartbeat.track(lease('a'), performance.now())
    heartbeat.track(lease('b'), performance.now())
    await vi.advanceTimersByTimeAsync(1000)
    expect(lost).toMatchObject([lease('a')])
    expect(heartbeat.remainingMs(lease('a'))).toBe(0)
    expect(heartbeat.remainingMs(lease('b'))).toBe(3000)
  })

  it('tells the work on a lost lease when the same row comes back with another token', async () => {
    const lost: Lease[] = []
    const { heartbeat } = open({ onLost: (gone) => lost.push(gone) })
    heartbeat.track(lease('a', 'first'), performance.now())
    heartbeat.track(lease('a', 'second'), performance.now())
    expect(lost).toMatchObject([lease('a', 'first')])
    heartbeat.forget(lease('a', 'first'))
    expect(heartbeat.remainingMs(lease('a', 'second'))).toBe(3000)
  })

  it('keeps beating, sooner, when a beat fails', async () => {
    let failures = 2
    const errors: unknown[] = []
    const { heartbeat } = open({
      extend: async (leases) => {
        failures -= 1
        if (failures >= 0) throw new Error('no connection')
        return leases.map(({ id }) => id)
      },
      onError: (error) => errors.push(error),
    })
    heartbeat.track(lease('a'), performance.now())
    await vi.advanceTimersByTimeAsync(1000 + 250 + 250)
    expect(errors).toHaveLength(2)
    expect(heartbeat.remainingMs(lease('a'))).toBe(3000)
  })

  it('does not wait for ever for an answer that does not come', async () => {
    let calls = 0
    const { heartbeat } = open({
      extend: (leases) => {
        calls += 1
        return calls === 1 ? new Promise(() => undefined) : Promise.resolve(leases.map(({ id }) => id))
      },
    })
    heartbeat.track(lease('a'), performance.now())
    await vi.advanceTimersByTimeAsync(1000 + 1000 + 250)
    expect(calls).toBe(2)
    expect(heartbeat.remainingMs(lease('a'))).toBeGreaterThan(2000)
  })

  it('renews thousands in chunks', async () => {
    const { heartbeat, calls } = open()
    for (let n = 0; n < 2500; n += 1) heartbeat.track(lease(`${n}`), performance.now())
    await vi.advanceTimersByTimeAsync(1000)
    expect(calls.map((ids) => ids.length)).toEqual([1000, 1000, 500])
  })
})
