import type { QueueBackend } from '../conformance/harness.ts'
import { queueConformance } from '../conformance/index.ts'
import { MemoryQueue } from './memory-queue.ts'

const backend: QueueBackend = {
  name: 'MemoryQueue',
  async open({ haltKeys }) {
    let nowMs = 1_800_000_000_000
    const gates = new Map<string, { maxInFlight?: number | null; allowance?: number | null }>()
    const queue = new MemoryQueue<number>({ now: () => nowMs, gate: (group) => gates.get(group), haltKeys })
    return {
      queue,
      another: () => queue,
      enqueue: (items) =>
        queue.enqueue(items.map(({ dueInMs, ...item }) => ({ ...item, payload: 0, delayMs: dueInMs ?? 0 }))),
      setGate: async (group, gate) => void gates.set(group, gate),
      groupKey: (group) => group,
      discard: async (id) => queue.discard(id),
      pass: async (ms) => {
        nowMs += ms
      },
      now: async () => nowMs,
      close: async () => undefined,
    }
  },
}

queueConformance(backend)
