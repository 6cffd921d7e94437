import type { QueueBackend } from '../src/conformance/harness.ts'
import { JobQueue } from '../src/own/job-queue.ts'
import { migrateQueue } from '../src/own/migrate.ts'
import { queueNames } from '../src/own/names.ts'
import { PostgresQueue } from '../src/postgres-queue.ts'
import type { TestDatabase } from './postgres.ts'

let opened = 0

/** The tables of this package as a backend of the conformance suite; each test gets tables of its own. */
export function postgresBackend(database: () => TestDatabase): QueueBackend {
  return {
    name: 'PostgresQueue',
    async open({ haltKeys }) {
      const pool = database().pool({ max: 6 })
      opened += 1
      const names = queueNames({ name: `conformance_${opened}` })
      await migrateQueue(pool, { name: names.name })
      const jobs = new JobQueue<number>({ pool, name: names.name })
      let passed = 0
      const claimer = () =>
        new PostgresQueue({
          pool,
          table: names.table,
          haltKeys,
          buriedColumns: ['payload', 'enqueued_at'],
          monotonic: () => performance.now() + passed,
        })
      return {
        queue: claimer(),
        another: claimer,
        async enqueue(items) {
          const wanted = items.map(({ dueInMs, ...item }) => ({ ...item, payload: 0, delayMs: dueInMs ?? 0 }))
          return jobs.enqueue(wanted)
        },
        async setGate(group, { maxInFlight, allowance }) {
          await pool.query(
            `insert into ${names.groups} values ($1, $2, $3)
            on conflict (group_key) do update set max_in_flight = $2, allowance = $3`,
            [group, maxInFlight ?? null, allowance ?? null],
          )
        },
        groupKey: (group) => group,
        async discard(id) {
          await jobs.buried.discard([id])
        },
        // Time passes for a table when everything in it was earlier.
        async pass(ms) {
          passed += ms
          await pool.query(
            `update ${names.jobs} set next_attempt_at = next_attempt_at - $1 * interval '1 ms',
              lease_expires_at = lease_expires_at - $1 * interval '1 ms'`,
            [ms],
          )
        },
        async now() {
          const { rows } = await pool.query<{ now: number }>(
            'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
          )
          return rows[0]?.now ?? Number.NaN
        },
        async close() {
          await pool.query(`drop table ${names.jobs}, ${names.buried}, ${names.groups}`)
          await pool.end()
        },
      }
    },
  }
}
