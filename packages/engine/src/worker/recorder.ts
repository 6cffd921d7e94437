import type { CircuitChange } from '@posthorn/circuit-breaker'
import {
  AttemptStats,
  completeDeliveries,
  type DeliveryOutcome,
  type EndpointRepository,
  ensurePartitionFor,
  isMissingPartition,
  type PostgresCircuitStore,
  type Settled,
} from '@posthorn/db'
import type { Completion, Outcome } from '@posthorn/queue'
import type pg from 'pg'
import type { Logger } from '../types.ts'
import { CircuitLedger } from './circuit-ledger.ts'
import type { Landing } from './flight.ts'

/** What the recorder writes to and whom it tells. */
export interface RecorderOptions {
  readonly pool: pg.Pool
  readonly circuits: PostgresCircuitStore
  /** false: failures open no circuit */
  readonly countCircuits: boolean
  readonly endpoints: EndpointRepository
  readonly workerId: string
  readonly prepared: boolean
  readonly logger: Logger
  observer(): RecorderObserver
}

/** Who is told what was written. */
export interface RecorderObserver {
  onSettled(landing: Landing, final: Settled['final']): void
  /** its lease had gone to somebody else: the attempt was logged, the delivery left alone */
  onStale(): void
  onCircuit(endpointId: string, change: CircuitChange): void
  onFlushed(): void
}

/** Writes what became of deliveries: first the outcomes in one commit, then what they say about circuits. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #stats: AttemptStats
  readonly #ledger = new CircuitLedger()

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#stats = new AttemptStats(options.workerId)
  }

  /** The queue's `complete`. Safe to run again with the same outcomes when it threw. */
  async complete(outcomes: readonly Outcome<Landing>[]): Promise<Completion[]> {
    const landings = outcomes.flatMap(({ record }) => (record ? [record] : []))
    const settled = await this.#write(landings)
    return outcomes.map(({ id }) => ({ id, applied: settled.has(id) }))
  }

  async #write(landings: readonly Landing[]): Promise<Map<string, Settled['final']>> {
    const outcomes = landings.map((landing) => landing.outcome)
    const draft = this.#stats.draft(outcomes)
    const settled = await this.#complete(outcomes, () =>
      completeDeliveries(this.#options.pool, outcomes, draft.rows, { prepared: this.#options.prepared }),
    )
    this.#stats.keep(draft)
    const observer = this.#options.observer()
    observer.onFlushed()
    const finals = new Map(settled.map(({ id, final }) => [id, final]))
    for (const landing of landings) {
      const final = finals.get(landing.outcome.id)
      if (final) observer.onSettled(landing, final)
      else observer.onStale()
    }
    await this.#afterwards(landings)
    return finals
  }

  async #complete<T>(outcomes: readonly DeliveryOutcome[], write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      if (!isMissingPartition(error)) throw error
      await this.#makePartitions(outcomes)
      return write()
    }
  }

  async #makePartitions(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    const client = await this.#options.pool.connect()
    try {
      // Partitions are days of UTC, whatever the time zone of this process.
      const days = new Map(
        outcomes.flatMap(({ attempt }) =>
          attempt ? [[attempt.startedAt.toISOString().slice(0, 10), attempt.startedAt]] : [],
        ),
      )
      for (const day of days.values()) await ensurePartitionFor(client, 'attempts', day)
    } finally {
      client.release()
    }
  }

  /** A crash here may lose a flush of circuit counts, never a delivery; so may an error, which must not repeat the flush. */
  async #afterwards(landings: readonly Landing[]): Promise<void> {
    try {
      await this.#disableGone(landings)
      await this.#applyCircuits(landings)
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'what deliveries said about circuits could not be written')
    }
  }

  /** 410 Gone: the receiver asks never to be called again. */
  async #disableGone(landings: readonly Landing[]): Promise<void> {
    const gone = new Set(
      landings
        .filter(({ outcome }) => outcome.failure === 'http_410')
        .map(({ outcome }) => outcome.endpointId),
    )
    for (const id of gone) await this.#options.endpoints.disable(id, 'It answered 410 Gone.')
  }

  async #applyCircuits(landings: readonly Landing[]): Promise<void> {
    const reports = landings.flatMap(({ report }) => (report ? [report] : []))
    // Where failures open no circuit, one that is open still has to close.
    const counted = this.#options.countCircuits
      ? reports
      : reports.filter(({ circuit }) => circuit.name === 'half_open')
    const deltas = this.#ledger.take(counted)
    for (const { key, state, changes } of await this.#options.circuits.apply(deltas)) {
      this.#ledger.learn(key, 'consecutiveFailures' in state ? state.consecutiveFailures : 0)
      for (const change of changes) this.#options.observer().onCircuit(key, change)
    }
  }
}
