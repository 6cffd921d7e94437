import { afterAll, beforeAll, expect, vi } from 'vitest'

/**
 * Test files share a process, one after the other: whoever changes what belongs to all of it puts it back. A file that
 * does not is the one that fails, and not one behind it.
 */
let before: ReturnType<typeof processState>

beforeAll(() => {
  before = processState()
})

afterAll(() => {
  const after = processState()
  vi.useRealTimers()
  expect(after, 'what this file leaves behind in the process').toEqual(before)
})

function processState() {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException', 'unhandledRejection'] as const
  return {
    environment: { ...process.env },
    folder: process.cwd(),
    fakeTimers: vi.isFakeTimers(),
    listeners: Object.fromEntries(signals.map((name) => [name, process.listenerCount(name as 'SIGINT')])),
    replaced: [fetch, setTimeout, Date, Date.now, Math.random, process.emitWarning, process.kill].map(
      (own) => own,
    ),
  }
}
