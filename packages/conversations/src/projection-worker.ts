import { systemClock } from '@posthorn/core'
import { loadCaptured, PROJECTION_QUEUE, type ProjectionFailure, settleProjections } from '@posthorn/db'
import { type Completion, createWorker, type Outcome, PostgresQueue, type QueueItem } from '@posthorn/queue'
import type pg from 'pg'
import { Projector } from './projector.ts'

/** How a worker takes projections over. Durations are milliseconds. */
export interface ProjectionWorkerOptions {
  readonly pool: pg.Pool
  /** projections at a time; each holds a connection of the pool for a moment (4) */
  readonly concurrency?: number
  /** how often it looks for what is due, or was left by a process that died (1 000) */
  readonly pollMs?: number
  readonly leaseMs?: number
  /** how long what is under way may take in a stop (30 000) */
  readonly graceMs?: number
  /** named statements; false behind a transaction pooler (true) */
  readonly prepared?: boolean
  /** something of this app has changed, and is committed */
  readonly onProjected?: (appId: string) => void
  readonly onError?: (error: unknown) => void
}

/** Projects captured events that nobody else does. */
export interface ProjectionWorker {
  start(): Promise<void>
  /** Takes nothing more; what is under way ends, or is handed back. */
  stop(): Promise<void>
}

/** The queue's cap counts what other processes project in their requests as well: it must never be what stops a worker. */
const NO_CAP = 1_000_000

/**
 * A worker for captured events whose projection is due: those whose process died, those that failed and wait for another
 * try, and those that were only stored. Any number may run against one database.
 */
export function createProjectionWorker(options: ProjectionWorkerOptions): ProjectionWorker {
  const { pool, prepared = true, leaseMs = 30_000, pollMs = 1_000 } = options
  const projector = new Projector({ pool, prepared, clock: systemClock })
  const queue = new PostgresQueue({
    pool,
    table: PROJECTION_QUEUE,
    defaultMaxInFlight: NO_CAP,
    preparedStatements: prepared,
    complete: (outcomes) => complete(pool, outcomes),
  })
  const worker = createWorker<QueueItem>({
    queue,
    handler: async (item) => {
      const event = (await loadCaptured(pool, [item.id])).get(item.id)
      // Its event has gone, or has nothing to project: only the row of the queue is left.
      if (!event) return { kind: 'bury', reason: 'The event is not there any more.' }
      const lease = { eventId: item.id, leaseToken: item.leaseToken }
      await projector.project({ lease, event, tries: item.attemptCount })
      options.onProjected?.(item.group)
      return { kind: 'done' }
    },
    concurrency: options.concurrency ?? 4,
    leaseMs,
    wake: { mode: 'poll', pollMs },
    graceMs: options.graceMs ?? 30_000,
    ...(options.onError && { onError: options.onError }),
  })
  return { start: () => worker.start(), stop: () => worker.stop() }
}

/** A projection has ended its own place in the queue; what is left here are those that could not even say why they failed. */
async function complete(pool: pg.Pool, outcomes: readonly Outcome[]): Promise<Completion[]> {
  const failures = outcomes.flatMap((outcome) => failureOf(outcome) ?? [])
  const written = failures.length > 0 ? await settleProjections(pool, failures) : new Set<string>()
  return outcomes.map(({ id, kind }) => ({ id, applied: kind === 'done' || written.has(id) }))
}

function failureOf(outcome: Outcome): ProjectionFailure | undefined {
  const lease = { eventId: outcome.id, leaseToken: outcome.leaseToken, processingTimeMs: null }
  if (outcome.kind === 'retry') {
    const error = { code: 'database', message: 'The database did not answer.', stack: null } as const
    const next = { status: 'PENDING_RETRY', delayMs: outcome.delayMs } as const
    return { ...lease, next, isTry: outcome.burnAttempt, error }
  }
  if (outcome.kind === 'bury') {
    const error = { code: 'unexpected', message: outcome.reason, stack: null } as const
    return { ...lease, next: { status: 'FAILED' }, isTry: true, error }
  }
  return undefined
}
