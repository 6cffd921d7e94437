import type { Posthorn } from '@posthorn/engine'
import { Counter, collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client'
import { DEPTH_BOUND, type Depth, type QueueDepth } from './queue-depth.ts'

type Stats = Pick<Posthorn, 'stats'>

/** What a worker counts of itself, and how much waits; in a registry of its own. */
export function createMetrics(posthorn: Stats, depth: QueueDepth): Registry {
  const registry = new Registry()
  registerCounts(posthorn, [registry])
  registerOutcomes(posthorn, [registry])
  registerDepth(depth, [registry])
  return registry
}

/** The same, and what the process uses: for a process that is a worker and nothing else. */
export function withProcessMetrics(metrics: Registry): Registry {
  const ofProcess = new Registry()
  collectDefaultMetrics({ register: ofProcess })
  return Registry.merge([metrics, ofProcess])
}

function registerCounts(posthorn: Stats, registers: Registry[]): void {
  new Gauge({
    name: 'posthorn_worker_in_flight',
    help: 'Deliveries that this worker is sending.',
    registers,
    collect() {
      this.set(posthorn.stats.inFlight)
    },
  })
  for (const [name, help, read] of [
    ['claimed', 'Deliveries claimed.', () => posthorn.stats.claimed],
    ['stale', 'Outcomes that came after their lease had gone to another worker.', () => posthorn.stats.stale],
    ['flushes', 'Groups of outcomes written.', () => posthorn.stats.flushes],
    [
      'flush_errors',
      'Groups of outcomes that could not be written at once.',
      () => posthorn.stats.flushErrors,
    ],
    ['claim_errors', 'Claims that failed.', () => posthorn.stats.claimErrors],
  ] as const) {
    new Counter({
      name: `posthorn_worker_${name}_total`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }
}

function registerOutcomes(posthorn: Stats, registers: Registry[]): void {
  for (const [name, help, label, read] of [
    ['attempts', 'Attempts, by verdict.', 'verdict', () => posthorn.stats.attempts],
    ['settled', 'What attempts made of their deliveries.', 'status', () => posthorn.stats.settled],
  ] as const) {
    new Counter({
      name: `posthorn_worker_${name}_total`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        for (const [key, count] of Object.entries(read())) this.inc({ [label]: key }, count)
      },
    })
  }
}

/** Of the whole database, not of this worker: each worker tells the same. */
function registerDepth(depth: QueueDepth, registers: Registry[]): void {
  for (const [name, help, read] of [
    [
      'queue_due',
      `Deliveries that are due and wait; ${DEPTH_BOUND} means that many or more.`,
      (d: Depth) => d.due,
    ],
    [
      'queue_leased',
      `Deliveries leased by workers; ${DEPTH_BOUND} means that many or more.`,
      (d: Depth) => d.leased,
    ],
    [
      'queue_oldest_due_seconds',
      'How long the oldest of those that are due has waited.',
      (d: Depth) => d.oldestDueSeconds,
    ],
    [
      'queue_rows_estimate',
      'Rows of the queue, also those due later, as last analyzed.',
      (d: Depth) => d.estimatedRows,
    ],
    [
      'projections_due',
      `Captured events whose projection is due; ${DEPTH_BOUND} means that many or more.`,
      (d: Depth) => d.dueProjections,
    ],
    [
      'projections_oldest_due_seconds',
      'How long the oldest of those projections has waited.',
      (d: Depth) => d.oldestProjectionSeconds,
    ],
  ] as const) {
    new Gauge({
      name: `posthorn_${name}`,
      help,
      registers,
      async collect() {
        const figures = await depth.read()
        if (figures) this.set(read(figures))
        else this.reset()
      },
    })
  }
}
