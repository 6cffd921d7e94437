import { PosthornError } from '@posthorn/core'
import type pg from 'pg'
import { queueIndexes, queueStorage } from '../indexes.ts'
import { quoteIdentifier } from '../table.ts'
import { onClient } from '../transaction.ts'
import { type QueueLocation, type QueueNames, queueNames } from './names.ts'

/** Forward-only; a step that has been published is never changed. */
const steps: ((names: QueueNames) => string[])[] = [
  ({ jobs, buried, groups, table }) => [
    `create table ${jobs} (
      id uuid primary key,
      group_key text not null,
      status text not null default 'pending' check (status in ('pending', 'processing', 'halted')),
      next_attempt_at timestamptz not null,
      attempt_count int not null default 0,
      claim_count int not null default 0,
      lease_token uuid,
      lease_expires_at timestamptz,
      ordering_key text,
      seq bigint not null generated always as identity,
      enqueued_at timestamptz not null,
      payload text not null
    )`,
    ...queueIndexes(table),
    queueStorage(table),
    `create table ${groups} (
      group_key text primary key,
      max_in_flight int check (max_in_flight >= 0),
      allowance int check (allowance >= 0)
    )`,
    `create table ${buried} (
      id uuid primary key,
      group_key text not null,
      attempt_count int not null,
      claim_count int not null,
      ordering_key text,
      seq bigint,
      enqueued_at timestamptz not null,
      payload text not null,
      reason text not null,
      buried_at timestamptz not null
    )`,
    `create index on ${buried} (buried_at, id)`,
  ],
]

/**
 * Creates the tables of a queue, or brings them up to date. Any number of processes may call it at once.
 * @throws {PosthornError} `schema_too_new` when a newer version of this package has been here.
 */
export async function migrateQueue(pool: pg.Pool, location: QueueLocation = {}): Promise<void> {
  const names = queueNames(location)
  const schema = quoteIdentifier(names.schema)
  await onClient(pool, async (client) => {
    await client.query('begin isolation level read committed')
    await client.query(`select pg_advisory_xact_lock(hashtextextended('posthorn queue migrations', 0))`)
    await client.query(`create schema if not exists ${schema}`)
    await client.query(
      `create table if not exists ${schema}.queue_versions (name text primary key, version int not null)`,
    )
    const { rows } = await client.query<{ version: number }>(
      `select version from ${schema}.queue_versions where name = $1`,
      [names.name],
    )
    const version = rows[0]?.version ?? 0
    if (version > steps.length) {
      throw new PosthornError(
        'schema_too_new',
        `Queue "${names.name}" is at version ${version}; this package knows ${steps.length}.`,
      )
    }
    for (const step of steps.slice(version)) {
      for (const sql of step(names)) await client.query(sql)
    }
    await client.query(
      `insert into ${schema}.queue_versions (name, version) values ($1, $2)
      on conflict (name) do update set version = excluded.version`,
      [names.name, steps.length],
    )
    await client.query('commit')
  })
}
