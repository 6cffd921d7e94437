import { recordDuration } from '@posthorn/core'
import type { AttemptRecord, StatRow } from '../deliveries/completion.ts'

const MINUTE_MS = 60_000
const KEPT_MINUTES = 3

/** What statistics are made of: a request, and of which endpoint. Without a request nothing is counted. */
export interface CountedAttempt {
  readonly endpointId: string
  readonly attempt:
    | (Pick<AttemptRecord, 'startedAt' | 'durationMs' | 'success'> & {
        readonly failure: string | null
      })
    | null
}

/** What one flush makes of the figures, to be kept once it is committed. */
export interface StatDraft {
  readonly rows: readonly StatRow[]
}

/**
 * What this worker has seen of each endpoint, minute by minute, as absolute figures. A flush writes what the figures
 * become with its outcomes and keeps them only after its commit: a flush that is run again writes the same.
 */
export class AttemptStats {
  readonly #workerId: string
  readonly #rows = new Map<string, StatRow>()

  constructor(workerId: string) {
    this.#workerId = workerId
  }

  /** The figures as they will be with these outcomes. Changes nothing. */
  draft(outcomes: readonly CountedAttempt[]): StatDraft {
    const touched = new Map<string, Accumulator>()
    for (const { endpointId, attempt } of outcomes) {
      if (!attempt) continue
      const minute = Math.floor(attempt.startedAt.getTime() / MINUTE_MS) * MINUTE_MS
      const key = `${endpointId} ${minute}`
      let row = touched.get(key)
      if (!row) {
        row = accumulator(this.#rows.get(key), endpointId, minute)
        touched.set(key, row)
      }
      add(row, attempt)
    }
    return { rows: [...touched.values()].map((row) => freeze(row, this.#workerId)) }
  }

  /** Keeps a draft whose flush was committed. */
  keep(draft: StatDraft): void {
    for (const row of draft.rows) this.#rows.set(`${row.endpointId} ${row.minute.getTime()}`, row)
    const newest = Math.max(...draft.rows.map((row) => row.minute.getTime()))
    for (const [key, row] of this.#rows) {
      if (row.minute.getTime() < newest - KEPT_MINUTES * MINUTE_MS) this.#rows.delete(key)
    }
  }
}

interface Accumulator {
  readonly endpointId: string
  readonly minute: number
  attempts: number
  successes: number
  durationSumMs: number
  readonly failures: Record<string, number>
  readonly histogram: Map<number, number>
}

function accumulator(known: StatRow | undefined, endpointId: string, minute: number): Accumulator {
  return {
    endpointId,
    minute,
    attempts: known?.attempts ?? 0,
    successes: known?.successes ?? 0,
    durationSumMs: known?.durationSumMs ?? 0,
    failures: { ...known?.failures },
    histogram: new Map(known?.buckets.map((bucket, at) => [bucket, known.bucketCounts[at] ?? 0])),
  }
}

function add(row: Accumulator, attempt: NonNullable<CountedAttempt['attempt']>): void {
  row.attempts += 1
  if (attempt.success) row.successes += 1
  else if (attempt.failure) row.failures[attempt.failure] = (row.failures[attempt.failure] ?? 0) + 1
  row.durationSumMs += attempt.durationMs
  recordDuration(row.histogram, attempt.durationMs)
}

function freeze(row: Accumulator, workerId: string): StatRow {
  const { histogram, minute, ...figures } = row
  return {
    ...figures,
    minute: new Date(minute),
    workerId,
    buckets: [...histogram.keys()],
    bucketCounts: [...histogram.values()],
  }
}
