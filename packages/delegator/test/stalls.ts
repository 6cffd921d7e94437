import { GRACE_MS } from '../src/index.ts'

const TICK_MS = 10

/**
 * Watches how long this process does not get to its timers, because the machine is busy or because it is itself: no
 * promise about time can hold then. What remains is what the code waits for.
 */
export function watchStalls(): { boundOf(timeoutMs: number): number } {
  let stalledMs = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    stalledMs += Math.max(0, now - last - 2 * TICK_MS)
    last = now
  }
  const timer = setInterval(look, TICK_MS)
  return {
    /** By when a call must have been answered, milliseconds since it began. Ends the watch. */
    boundOf(timeoutMs) {
      clearInterval(timer)
      look()
      return timeoutMs + GRACE_MS + stalledMs
    },
  }
}
