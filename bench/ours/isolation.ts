import { queryOnce } from '../machine/postgres.ts'
import { openPosthorn, withPosthorn } from './engine.ts'

/** Endpoints of one database: some that answer, and perhaps one that does not. */
export interface Neighbourhood {
  /** Makes the endpoints that answer, each with a type of its own. */
  settle(origin: string, endpoints: number): Promise<void>
  /** Makes the endpoint that hangs, with deliveries that are all due already. */
  flood(origin: string, backlog: number, how: { timeoutMs: number; circuitOpens: boolean }): Promise<void>
  /** Publishes an event for the endpoint whose turn it is. */
  publish(seq: number, body: string): Promise<unknown>
  close(): Promise<void>
}

const GRACE_MS = 1_000
const typeOf = (endpoint: number) => `bench.neighbour_${endpoint}`

/** Opens Posthorn on an empty database. */
export async function openNeighbourhood(connectionString: string): Promise<Neighbourhood> {
  const { rawJson } = await import('@posthorn/engine')
  await withPosthorn(connectionString, (posthorn) => posthorn.migrate())
  const posthorn = await openPosthorn(connectionString)
  let neighbours = 0
  return {
    async settle(origin, endpoints) {
      neighbours = endpoints
      for (let n = 0; n < endpoints; n++)
        await posthorn.endpoints.create({ url: `${origin}/hooks/${n}`, eventTypes: [typeOf(n)] })
    },
    async flood(origin, backlog, { timeoutMs, circuitOpens }) {
      await posthorn.endpoints.create({
        url: `${origin}/hanging`,
        timeoutMs,
        ...(!circuitOpens && { circuit: { failureThreshold: 10_000 } }),
      })
      await queryOnce(connectionString, backlogSql(backlog))
      await queryOnce(connectionString, 'vacuum analyze')
    },
    publish: (seq, body) => posthorn.publish({ type: typeOf(seq % neighbours), payload: rawJson(body) }),
    close: () => posthorn.stop({ graceMs: GRACE_MS }),
  }
}

/** Due since an hour, one after another, each of an event of its own. */
const backlogSql = (count: number) => `
  with hanging as (
    select id from posthorn.endpoints where url like '%/hanging'
  ), made as materialized (
    select uuidv7() as id, uuidv7() as event_id, now() - interval '1 hour' + i * interval '1 millisecond' as due_at
      from generate_series(1, ${count}) as i
  ), recorded as (
    insert into posthorn.events (id, app_id, source, event_type, payload)
    select event_id, '00000000-0000-7000-8000-000000000001', 'bench', 'bench.hanging', '{"hanging":true}' from made
  ), owed as (
    insert into posthorn.deliveries (id, event_id, endpoint_id, app_id, max_attempts, expires_at)
    select id, event_id, (select id from hanging), '00000000-0000-7000-8000-000000000001', 5, now() + interval '3 days' from made
  )
  insert into posthorn.delivery_queue (id, endpoint_id, next_attempt_at, expires_at)
  select id, (select id from hanging), due_at, now() + interval '3 days' from made`
