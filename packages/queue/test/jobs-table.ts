import type pg from 'pg'
import { queueIndexes } from '../src/indexes.ts'
import { type QueueTable, qualifiedName } from '../src/table.ts'

/** A bare queue table with uuid groups and a gates view, without vacuum and analyze, as a fresh one is. */
export async function createJobsTable(pool: pg.Pool, name: string): Promise<QueueTable> {
  const table: QueueTable = {
    schema: 'public',
    name,
    groupColumn: 'endpoint_id',
    groupType: 'uuid',
    gates: `public.${name}_gates`,
  }
  await pool.query(`
    create table ${name}_endpoints (id uuid primary key, cap int, allowance int);
    create view ${name}_gates as
      select id as group_key, cap as max_in_flight, allowance from ${name}_endpoints;
    create table ${name} (
      id uuid primary key, endpoint_id uuid not null, status text not null default 'pending',
      next_attempt_at timestamptz not null default now(), attempt_count int not null default 0,
      claim_count int not null default 0, lease_token uuid, lease_expires_at timestamptz,
      ordering_key text, seq bigint generated always as identity
    ) with (autovacuum_enabled = false);
    create table ${name}_buried (
      id uuid primary key, endpoint_id uuid, attempt_count int, claim_count int, ordering_key text, seq bigint,
      reason text, buried_at timestamptz
    );`)
  for (const sql of queueIndexes(table)) await pool.query(sql)
  return table
}

/** The uuid of the n-th test group; `n` may be SQL. */
export function groupSql(n: number | string): string {
  return `lpad(to_hex(${n}), 32, '0')::uuid`
}

/** Puts in `count` rows, due a moment apart from `sinceSql` on, in the group that `groupOf` says for row `i`. */
export async function fill(
  pool: pg.Pool,
  table: QueueTable,
  count: number,
  { sinceSql = `now() - interval '1 hour'`, groupOf = '1', keyOf = 'null' } = {},
): Promise<void> {
  await pool.query(`
    insert into ${qualifiedName(table)} (id, endpoint_id, next_attempt_at, ordering_key)
    select gen_random_uuid(), ${groupSql(groupOf)}, ${sinceSql} + i * interval '1 microsecond', ${keyOf}
    from generate_series(1, ${count}) i`)
}
