import type { Job } from './jobs.ts'

/** Where a contender works: a database of its own, and Redis for the one that needs it. */
export interface Scene {
  connectionString: string
  redisUrl: string | undefined
}

/**
 * How attempt rows are written. 'single': one `pool.query` INSERT for each, as users write it (b3).
 * 'batched': gathered for at most 5 ms, and the job completes after its row is committed (b4).
 * 'own': by the contender itself.
 */
export type AttemptMode = 'single' | 'batched' | 'own'

/** Runs in the worker process. `openWorker` connects and loads; `start` is where the clock begins. */
export interface Worker {
  start(): Promise<void>
  /** Resolves when everything is handled; only for a contender without a database. */
  finished?: Promise<void>
  stop(): Promise<void>
}

export interface WorkerConfig extends Scene {
  contender: string
  mode: AttemptMode
  /** All jobs go to this origin. */
  origin: string
  /** How many jobs there are; for the contender without a queue. */
  total: number
}

/** Enqueues single jobs for the latency suite. */
export interface Producer {
  enqueue(job: Job): Promise<unknown>
  close(): Promise<void>
}

/**
 * One library that is measured. `prepare`, `preload`, the counts and the producer run in the bench's own
 * process, `openWorker` in the worker process.
 */
export interface Contender {
  /** The library's version and settings, for the report. */
  settings: string
  /** Makes the schema. */
  prepare(scene: Scene): Promise<void>
  preload(scene: Scene, jobs: readonly Job[]): Promise<void>
  /** Jobs whose completion is not committed yet; undefined: ask the worker process whether it has finished. */
  countUnfinished?(query: CountQuery, scene: Scene): Promise<number>
  /** Attempt rows in a table of its own; the bench's `attempts` table is counted otherwise. */
  countAttempts?(query: CountQuery): Promise<number>
  openWorker(config: WorkerConfig): Promise<Worker>
  openProducer?(scene: Scene): Promise<Producer>
  /** Removes what is not in the scene's database. */
  cleanUp?(scene: Scene): Promise<void>
}

/** Runs a statement that answers one number. */
export type CountQuery = (sql: string) => Promise<number>
