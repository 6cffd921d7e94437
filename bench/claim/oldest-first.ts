import pg from 'pg'
import type { ClaimTarget } from './target.ts'
import { groupIdSql, rowsSql } from './target.ts'

const DDL = `create table jobs (
  id uuid primary key,
  group_id uuid not null,
  status text not null,
  next_attempt_at timestamptz not null,
  lease_token uuid,
  lease_expires_at timestamptz);
create index jobs_due on jobs (next_attempt_at, id) where status = 'pending';
create index jobs_leased on jobs (lease_expires_at) where status = 'processing'`

/** The usual queue table: history in it, oldest first, SKIP LOCKED, no fairness and no limits. */
const CLAIM = `update jobs set status = 'processing', lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 minute'
  where id in (select id from jobs where status = 'pending' and next_attempt_at <= now()
    order by next_attempt_at, id limit $1 for update skip locked)
  returning id, group_id`

/** Opens it in an empty database. */
export async function openOldestFirst(connectionString: string): Promise<ClaimTarget> {
  const pool = new pg.Pool({ connectionString })
  pool.on('error', () => undefined)
  await pool.query(DDL)
  return {
    async fill(history, rows) {
      await pool.query('truncate jobs')
      await pool.query(`insert into jobs (id, group_id, status, next_attempt_at)
        select uuidv7(), ${groupIdSql('i % 10000')}, 'done', now() - interval '1 day'
        from generate_series(1, ${history}) as i`)
      for (const part of rows)
        await pool.query(`insert into jobs (id, group_id, status, next_attempt_at)
          select id, group_id, 'pending', due_at from (${rowsSql(part)}) as part`)
      await pool.query('vacuum analyze jobs')
    },
    async claim(limit) {
      const claimed = await pool.query<{ id: string; group_id: string }>({
        name: 'claim',
        text: CLAIM,
        values: [limit],
      })
      return {
        groups: claimed.rows.map((row) => row.group_id),
        async release() {
          await pool.query(
            `update jobs set status = 'pending', lease_token = null, lease_expires_at = null where id = any($1::uuid[])`,
            [claimed.rows.map((row) => row.id)],
          )
        },
      }
    },
    close: () => pool.end(),
  }
}
