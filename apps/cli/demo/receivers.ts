import { Receiver } from './receiver.ts'
import { SHORT } from './settings.ts'

/** Types of the demo's events, in turn. */
export const EVENT_TYPES = ['order.created', 'invoice.paid', 'user.updated'] as const

const PER_SECOND = 40

/** The four receivers. The first gets every event, the others share them. */
export function createReceivers() {
  const healthy = new Receiver({
    name: 'healthy',
    eventTypes: ['*'],
    answer: () => ({ status: 200, delayMs: 25 }),
  })
  const flaky = new Receiver({
    name: 'fails two times of three',
    eventTypes: ['order.*'],
    answer: (n) => ({ status: n % 3 === 0 ? 200 : 500 }),
    endpoint: { circuit: SHORT.patientCircuit },
  })
  const allow = tokenBucket(PER_SECOND)
  const throttling = new Receiver({
    name: `answers 429 beyond ${PER_SECOND} a second`,
    eventTypes: ['invoice.*'],
    answer: () => (allow() ? { status: 200 } : { status: 429, headers: { 'retry-after': '1' } }),
  })
  const outage = new Receiver({
    name: 'down, then back',
    eventTypes: ['user.*'],
    answer: () => ({ status: 200 }),
  })
  return { healthy, flaky, throttling, outage, all: [healthy, flaky, throttling, outage] }
}

function tokenBucket(perSecond: number): () => boolean {
  const capacity = perSecond / 4
  let tokens = capacity
  let at = performance.now()
  return () => {
    const now = performance.now()
    tokens = Math.min(capacity, tokens + ((now - at) / 1_000) * perSecond)
    at = now
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
