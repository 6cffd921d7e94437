import type { Posthorn } from '@posthorn/engine'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { EventMetrics, EventResult } from '../events/event-metrics.ts'
import type { RequestEnd } from '../http/request-end.ts'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What a service counts of itself. Everything comes from memory: a scrape costs the database nothing. */
export interface Metrics extends EventMetrics {
  readonly registry: Registry
  countRequest(end: RequestEnd): void
  setStreams(count: number): void
}

/** Metrics of one service, in a registry of its own: two services in one process do not mix. */
export function createMetrics(posthorn: Pick<Posthorn, 'stats'>): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'posthorn_http_requests_total',
    help: 'Requests that ended, by route and status; 499 where the caller went away.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  })
  const durations = new Histogram({
    name: 'posthorn_http_request_duration_seconds',
    help: 'From the request line to the end of the answer.',
    labelNames: ['method', 'route'] as const,
    buckets: SECONDS,
    registers,
  })
  const events = new Counter({
    name: 'posthorn_events_total',
    help: 'Events sent to this service: taken, taken before, or refused.',
    labelNames: ['result'] as const,
    registers,
  })
  for (const result of ['accepted', 'duplicate', 'rejected'] as const) events.inc({ result }, 0)
  const streams = new Gauge({
    name: 'posthorn_streams',
    help: 'Clients that follow what changes.',
    registers,
  })
  registerEngineStats(posthorn, registers)
  return {
    registry,
    countRequest({ request, route, status, durationMs }) {
      requests.inc({ method: request.method, route, status })
      durations.observe({ method: request.method, route }, durationMs / 1_000)
    },
    setStreams: (count) => streams.set(count),
    count: (result: EventResult) => events.inc({ result }),
    countBatch: (results) => {
      for (const result of results) events.inc({ result })
    },
  }
}

/** The counters of a worker that runs inside this process. */
function registerEngineStats(posthorn: Pick<Posthorn, 'stats'>, registers: Registry[]): void {
  new Gauge({
    name: 'posthorn_worker_in_flight',
    help: 'Deliveries that the worker of this process is sending.',
    registers,
    collect() {
      this.set(posthorn.stats.inFlight)
    },
  })
  new Counter({
    name: 'posthorn_worker_attempts_total',
    help: 'Attempts of the worker of this process, by verdict.',
    labelNames: ['verdict'] as const,
    registers,
    collect() {
      this.reset()
      for (const [verdict, count] of Object.entries(posthorn.stats.attempts)) this.inc({ verdict }, count)
    },
  })
  new Counter({
    name: 'posthorn_worker_settled_total',
    help: 'What the attempts of the worker of this process made of their deliveries.',
    labelNames: ['status'] as const,
    registers,
    collect() {
      this.reset()
      for (const [status, count] of Object.entries(posthorn.stats.settled)) this.inc({ status }, count)
    },
  })
  for (const [name, help, read] of [
    ['claimed', 'Deliveries claimed by the worker of this process.', () => posthorn.stats.claimed],
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
