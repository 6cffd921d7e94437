import pg from 'pg'
import type { AttemptMode } from './contender.ts'

/** One HTTP request made. */
export interface AttemptRow {
  delivery: string
  url: string
  status: number
  durationMs: number
  startedAt: Date
}

/** The table a user of a job queue would make for the audit of attempts: one index, for the look-up by delivery. */
export const ATTEMPTS_DDL = `create table attempts (
  id bigint generated always as identity primary key,
  delivery text not null,
  url text not null,
  number integer not null default 1,
  status smallint,
  success boolean not null,
  duration_ms real not null,
  started_at timestamptz not null,
  error text);
create index attempts_delivery on attempts (delivery)`

/** Writes attempt rows; the promise resolves when the row is committed. */
export interface AttemptWriter {
  write(row: AttemptRow): Promise<unknown>
  close(): Promise<void>
}

/** A writer on a pool of its own (ten connections, node-postgres' default). */
export async function openAttemptWriter(connectionString: string, mode: AttemptMode): Promise<AttemptWriter> {
  const pool = new pg.Pool({ connectionString })
  await pool.query('select 1')
  const write = mode === 'batched' ? batchedWrite(pool) : singleWrite(pool)
  return { write, close: () => pool.end() }
}

function singleWrite(pool: pg.Pool): (row: AttemptRow) => Promise<unknown> {
  return (row) =>
    pool.query(
      'insert into attempts (delivery, url, status, success, duration_ms, started_at) values ($1, $2, $3, $4, $5, $6)',
      [row.delivery, row.url, row.status, row.status < 300, row.durationMs, row.startedAt],
    )
}

const BATCH_DELAY_MS = 5
const BATCH_SIZE = 200

interface Pending {
  row: AttemptRow
  resolve(): void
  reject(error: unknown): void
}

function batchedWrite(pool: pg.Pool): (row: AttemptRow) => Promise<unknown> {
  let pending: Pending[] = []
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const batch = pending
    pending = []
    insertBatch(pool, batch).then(
      () => {
        for (const { resolve } of batch) resolve()
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error)
      },
    )
  }
  return (row) =>
    new Promise<void>((resolve, reject) => {
      pending.push({ row, resolve, reject })
      if (pending.length >= BATCH_SIZE) flush()
      else timer ??= setTimeout(flush, BATCH_DELAY_MS)
    })
}

function insertBatch(pool: pg.Pool, batch: readonly Pending[]): Promise<unknown> {
  const column = <T>(value: (row: AttemptRow) => T) => batch.map(({ row }) => value(row))
  return pool.query({
    name: 'insert-attempts',
    text: `insert into attempts (delivery, url, status, success, duration_ms, started_at)
      select * from unnest($1::text[], $2::text[], $3::smallint[], $4::boolean[], $5::real[], $6::timestamptz[])`,
    values: [
      column((row) => row.delivery),
      column((row) => row.url),
      column((row) => row.status),
      column((row) => row.status < 300),
      column((row) => row.durationMs),
      column((row) => row.startedAt),
    ],
  })
}
