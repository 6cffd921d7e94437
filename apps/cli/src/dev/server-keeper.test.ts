import { describe, expect, it } from 'vitest'
import { type KeptServer, keepRunning } from './server-keeper.ts'

class FakeServer implements KeptServer {
  runs = true
  isRunning = () => this.runs
  stop = async () => {
    this.runs = false
  }
}

const LOOK_MS = 200

/** Time that passes only where the test lets it, and servers that start or fail as a script says. */
function stage(script: (n: number) => 'starts' | 'fails' | 'hangs') {
  let now = 0
  let starts = 0
  const waits: number[] = []
  const told: string[] = []
  const servers = [new FakeServer()]
  const keeper = keepRunning(servers[0] as FakeServer, {
    start: (signal) => {
      const turn = script(++starts)
      if (turn === 'fails') return Promise.reject(new Error('no'))
      if (turn === 'hangs') {
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      servers.push(new FakeServer())
      return Promise.resolve(servers.at(-1) as FakeServer)
    },
    events: {
      ended: () => told.push('ended'),
      startFailed: (_error, nextTryMs) => told.push(`failed ${nextTryMs}`),
      started: () => told.push('started'),
    },
    clock: { now: () => now, monotonic: () => now },
    sleep: async (ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
      if (ms !== LOOK_MS) waits.push(ms)
    },
  })
  const pass = (ms: number) => {
    now += ms
  }
  return { keeper, servers, waits, told, pass }
}

describe('keepRunning', () => {
  it('starts again what has ended, and waits longer each time, to a bound', async () => {
    const { keeper, servers, waits, told } = stage((n) => (n < 9 ? 'fails' : 'starts'))
    await servers[0]?.stop()
    await expect.poll(() => told.at(-1)).toBe('started')
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
    expect(told.slice(0, 2)).toEqual(['ended', 'failed 500'])
    await keeper.stop()
    expect(servers.map(({ runs }) => runs)).toEqual([false, false])
  })

  it('goes on waiting longer while the server ends soon, and begins anew after a long run', async () => {
    const { keeper, servers, waits, told, pass } = stage(() => 'starts')
    await servers[0]?.stop()
    await expect.poll(() => servers.length).toBe(2)
    await servers[1]?.stop()
    await expect.poll(() => servers.length).toBe(3)
    await expect.poll(() => told.at(-1)).toBe('started')
    pass(11_000)
    await servers[2]?.stop()
    await expect.poll(() => servers.length).toBe(4)
    expect(waits).toEqual([250, 500, 250])
    await keeper.stop()
  })

  it('stops in the middle of a start, and starts nothing afterwards', async () => {
    const { keeper, servers, told } = stage(() => 'hangs')
    await servers[0]?.stop()
    await expect.poll(() => told).toEqual(['ended'])
    await keeper.stop()
    expect(servers).toHaveLength(1)
    expect(told).toEqual(['ended'])
  })
})
