import { describe, expect, it } from 'vitest'
import { systemTimers } from './timers.ts'
import { within } from './watch.ts'

/** Keeps the process busy, as a long computation or a starved machine does. */
function stall(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('systemTimers', () => {
  it('call back once, unless cancelled', async () => {
    let calls = 0
    const cancel = systemTimers.after(1, () => calls++)
    cancel()
    await new Promise<void>((resolve) => systemTimers.after(5, resolve))
    expect(calls).toBe(0)
  })

  it('let a stalled process read first what arrived in time', async () => {
    // The answer comes in the turn in which the timer is due as well.
    const answer = new Promise<string>((resolve) => setImmediate(() => resolve('in time')))
    const waiting = within(systemTimers, answer, 5)
    stall(30)
    expect(await waiting).toBe('in time')
  })
})
