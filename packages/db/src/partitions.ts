import type pg from 'pg'

const DAYS_AHEAD = 7
const PARTITION_LOCK = 7_246_310_422
const DROP_LOCK = 7_246_310_423
const LOCK_NOT_AVAILABLE = '55P03'
const DAY_MS = 86_400_000

/** Tables partitioned by the day of `started_at`. */
const PARTITIONED_TABLES = ['attempts', 'calls'] as const
export type PartitionedTable = (typeof PARTITIONED_TABLES)[number]

const dayName = (table: PartitionedTable, day: Date) =>
  `${table}_p${day.toISOString().slice(0, 10).replaceAll('-', '')}`

const startOfDay = (instant: Date) => new Date(Math.floor(instant.getTime() / DAY_MS) * DAY_MS)

/**
 * Makes the partitions from `from` (default: now, by the database's clock) to a week ahead that are missing, one
 * transaction each under a short `lock_timeout`, so that it never makes writers queue behind it.
 *
 * @returns names of those made
 */
export async function ensurePartitions(client: pg.ClientBase, from?: Date): Promise<string[]> {
  const first = startOfDay(from ?? (await databaseNow(client)))
  const last = startOfDay(await databaseNow(client)).getTime() + DAYS_AHEAD * DAY_MS
  const made: string[] = []
  for (const table of PARTITIONED_TABLES) {
    const present = await partitionNames(client, table)
    for (let day = first.getTime(); day <= last; day += DAY_MS) {
      const name = dayName(table, new Date(day))
      if (!present.has(name) && (await makePartition(client, table, new Date(day)))) made.push(name)
    }
  }
  return made
}

/** Makes the one partition that a row at `instant` needs; for a writer that found it missing. */
export async function ensurePartitionFor(
  client: pg.ClientBase,
  table: PartitionedTable,
  instant: Date,
): Promise<void> {
  await makePartition(client, table, startOfDay(instant))
}

async function makePartition(client: pg.ClientBase, table: PartitionedTable, day: Date): Promise<boolean> {
  const name = dayName(table, day)
  const from = day.toISOString()
  const to = new Date(day.getTime() + DAY_MS).toISOString()
  await client.query('begin')
  try {
    await client.query(`set local lock_timeout = '2s'`)
    await client.query('select pg_advisory_xact_lock($1)', [PARTITION_LOCK])
    const { rows } = await client.query(`select to_regclass($1) is not null as exists`, [`posthorn.${name}`])
    if (rows[0]?.exists) {
      await client.query('commit')
      return false
    }
    // Made apart and attached with its bound already proven: the parent is locked only for a moment.
    await client.query(
      `create table posthorn.${name} (like posthorn.${table} including defaults including constraints)`,
    )
    await client.query(
      `alter table posthorn.${name} add constraint ${name}_bound check (started_at >= '${from}' and started_at < '${to}')`,
    )
    await client.query(
      `alter table posthorn.${table} attach partition posthorn.${name} for values from ('${from}') to ('${to}')`,
    )
    await client.query(`alter table posthorn.${name} drop constraint ${name}_bound`)
    await client.query('commit')
    return true
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/**
 * Drops whole days that ended more than `keepDays` days ago. Detaching runs concurrently with readers and writers; a
 * detach that was interrupted is finished by the next run. Where a long transaction is in the way, or another process is
 * at it, the rest is left to the next run.
 *
 * @returns names of those dropped
 */
export async function dropOldPartitions(
  client: pg.ClientBase,
  table: PartitionedTable,
  keepDays: number,
): Promise<string[]> {
  const limit = dayName(table, new Date((await databaseNow(client)).getTime() - keepDays * DAY_MS))
  const { rows } = await client.query<{ granted: boolean }>('select pg_try_advisory_lock($1) as granted', [
    DROP_LOCK,
  ])
  if (!rows[0]?.granted) return []
  const dropped: string[] = []
  try {
    await client.query(`set lock_timeout = '2s'`)
    for (const name of await partitionNames(client, table)) {
      if (name >= limit) break
      await dropPartition(client, table, name)
      dropped.push(name)
    }
  } catch (error) {
    // A table can have one detach pending: the ones after it have to wait too.
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error
  } finally {
    await client.query('reset lock_timeout')
    await client.query('select pg_advisory_unlock($1)', [DROP_LOCK])
  }
  return dropped
}

async function dropPartition(client: pg.ClientBase, table: PartitionedTable, name: string): Promise<void> {
  const { rows } = await client.query<{ pending: boolean }>(
    `select inhdetachpending as pending from pg_inherits where inhrelid = $1::regclass`,
    [`posthorn.${name}`],
  )
  if (rows.length > 0) {
    const how = rows[0]?.pending ? 'finalize' : 'concurrently'
    await client.query(`alter table posthorn.${table} detach partition posthorn.${name} ${how}`)
  }
  await client.query(`drop table if exists posthorn.${name}`)
}

async function partitionNames(client: pg.ClientBase, table: PartitionedTable): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'posthorn' and c.relkind = 'r' and c.relname ~ $1 order by 1`,
    [`^${table}_p[0-9]{8}$`],
  )
  return new Set(rows.map((row) => row.name))
}

async function databaseNow(client: pg.ClientBase): Promise<Date> {
  const { rows } = await client.query<{ now: Date }>('select clock_timestamp() as now')
  return rows[0]?.now ?? new Date(0)
}
