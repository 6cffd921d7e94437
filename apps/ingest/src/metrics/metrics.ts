import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { CallMetrics } from '../calls/call-metrics.ts'
import type { EventMetrics, EventResult } from '../events/event-metrics.ts'
import type { RequestEnd } from '../http/request-end.ts'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What a service counts of itself. Everything comes from memory: a scrape costs the database nothing. */
export interface Metrics extends EventMetrics, CallMetrics {
  readonly registry: Registry
  countRequest(end: RequestEnd): void
  setStreams(count: number): void
}

/**
 * Metrics of one service, in a registry of its own: two services in one process do not mix.
 *
 * @param others what else it tells: of a worker in the same process
 */
export function createMetrics(others: readonly Registry[] = []): Metrics {
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
  const calls = callMetrics(registers)
  const streams = new Gauge({
    name: 'posthorn_streams',
    help: 'Clients that follow what changes.',
    registers,
  })
  return {
    registry: Registry.merge([registry, ...others]),
    countRequest({ request, route, status, durationMs }) {
      requests.inc({ method: request.method, route, status })
      durations.observe({ method: request.method, route }, durationMs / 1_000)
    },
    setStreams: (count) => streams.set(count),
    ...calls,
    count: (result: EventResult) => events.inc({ result }),
    countBatch: (results) => {
      for (const result of results) events.inc({ result })
    },
  }
}

/** What is counted of calls, once they are on record. */
function callMetrics(registers: Registry[]): CallMetrics {
  const calls = new Counter({
    name: 'posthorn_calls_total',
    help: 'Calls that ended, by outcome, and why there is no answer of the app.',
    labelNames: ['outcome', 'reason'] as const,
    registers,
  })
  const durations = new Histogram({
    name: 'posthorn_call_duration_seconds',
    help: 'From the call to its answer, by outcome.',
    labelNames: ['outcome'] as const,
    buckets: [...SECONDS, 15, 20, 30],
    registers,
  })
  const incidents = new Counter({
    name: 'posthorn_call_incidents_total',
    help: 'What should not happen in a call and only operators should notice, by what it happened to.',
    labelNames: ['kind'] as const,
    registers,
  })
  return {
    countCall({ outcome, reason, durationMs }) {
      calls.inc({ outcome, reason: reason ?? '' })
      durations.observe({ outcome }, durationMs / 1_000)
    },
    countIncident: (kind) => incidents.inc({ kind }),
  }
}
