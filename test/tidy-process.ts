import { afterAll, beforeAll, expect, vi } from 'vitest'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException', 'unhandledRejection'] as const

/**
 * Test files share a process, one after the other: whoever changes what belongs to all of it puts it back. A file that
 * does not is the one that fails, and not one behind it.
 */
let before: ReturnType<typeof processState>
let environment: NodeJS.ProcessEnv

beforeAll(() => {
  before = processState()
  environment = { ...process.env }
})

afterAll(() => {
  const after = { ...processState(), changedVariables: changedSince(environment) }
  vi.useRealTimers()
  expect(after, 'what this file leaves behind in the process').toEqual({ ...before, changedVariables: [] })
})

function processState() {
  return {
    folder: process.cwd(),
    fakeTimers: vi.isFakeTimers(),
    listeners: Object.fromEntries(SIGNALS.map((name) => [name, process.listenerCount(name as 'SIGINT')])),
    globals: [fetch, setTimeout, Date, Date.now, Math.random, process.emitWarning, process.kill],
  }
}

/** Names alone: an environment has secrets, and what a test says is kept in logs. */
function changedSince(environment: NodeJS.ProcessEnv): string[] {
  const names = new Set([...Object.keys(environment), ...Object.keys(process.env)])
  return [...names].filter((name) => environment[name] !== process.env[name])
}
