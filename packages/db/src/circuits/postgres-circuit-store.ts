import {
  type AppliedDelta,
  type CircuitDelta,
  type CircuitSettings,
  type CircuitState,
  type CircuitStore,
  initialState,
  orderDeltas,
  transition,
} from '@posthorn/circuit-breaker'
import { formatId } from '@posthorn/core'
import type pg from 'pg'
import { inTransaction } from '../database.ts'

/** Settings of the circuits behind some keys (ids of endpoints). */
export type CircuitSettingsSource = (
  client: pg.ClientBase,
  keys: readonly string[],
) => Promise<ReadonlyMap<string, CircuitSettings>>

/** The circuit settings of endpoints, as their rows have them. */
export const settingsOfEndpoints: CircuitSettingsSource = async (client, keys) => {
  const { rows } = await client.query<{ id: string; circuit: CircuitSettings }>(
    'select id, circuit from posthorn.endpoints where id = any($1::uuid[])',
    [keys],
  )
  return new Map(rows.map((row) => [row.id, row.circuit]))
}

/**
 * Circuits in PostgreSQL: shared by all workers, kept over restarts. The rules are the breaker's own pure `transition`;
 * a row lock makes each read-change-write atomic, taken in the order of keys, and the time is the database's.
 */
export class PostgresCircuitStore implements CircuitStore {
  readonly #pool: pg.Pool
  readonly #settings: CircuitSettingsSource

  constructor(pool: pg.Pool, settings: CircuitSettingsSource = settingsOfEndpoints) {
    this.#pool = pool
    this.#settings = settings
  }

  async read(keys: readonly string[]): Promise<Map<string, CircuitState>> {
    const { rows } = await this.#pool.query<{ id: string; state: CircuitState }>(
      'select endpoint_id as id, state from posthorn.circuit_breakers where endpoint_id = any($1::uuid[])',
      [keys],
    )
    return new Map(rows.map((row) => [row.id, row.state]))
  }

  async apply(deltas: readonly CircuitDelta[]): Promise<AppliedDelta[]> {
    if (deltas.length === 0) return []
    return inTransaction(this.#pool, (client) => this.applyWithin(client, deltas))
  }

  /** The same inside a transaction that is already open, so that it happens with something else or not at all. */
  async applyWithin(client: pg.ClientBase, deltas: readonly CircuitDelta[]): Promise<AppliedDelta[]> {
    const ordered = orderDeltas(deltas)
    const keys = ordered.map((delta) => delta.key)
    const settings = await this.#settings(client, keys)
    const { states, nowMs } = await lockStates(client, keys)
    const applied = ordered.flatMap(({ key, events }) => {
      const rules = settings.get(key)
      // The endpoint is gone for good: nobody sends to it, so nothing is left to protect.
      if (!rules) return []
      const changes: AppliedDelta['changes'][number][] = []
      let state = states.get(key) ?? initialState()
      for (const event of events) {
        const step = transition(state, event, rules, nowMs)
        state = step.state
        changes.push(...step.changes)
      }
      return [{ key, state, changes }]
    })
    await writeStates(client, applied)
    await announceChanges(client, applied)
    return applied
  }
}

async function lockStates(client: pg.ClientBase, keys: readonly string[]) {
  await client.query(
    `insert into posthorn.circuit_breakers (endpoint_id, name, epoch, state)
     select key, 'closed', 0, $2::jsonb from unnest($1::uuid[]) as key order by key on conflict do nothing`,
    [keys, JSON.stringify(initialState())],
  )
  const { rows } = await client.query<{ id: string; state: CircuitState; now_ms: number }>(
    `select endpoint_id as id, state, floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms
       from posthorn.circuit_breakers where endpoint_id = any($1::uuid[]) order by endpoint_id for update`,
    [keys],
  )
  // Read after the last lock was granted, so that no state can be newer than the time it is judged by.
  const nowMs = Math.max(...rows.map((row) => row.now_ms))
  return { states: new Map(rows.map((row) => [row.id, row.state])), nowMs }
}

async function writeStates(client: pg.ClientBase, applied: readonly AppliedDelta[]): Promise<void> {
  const rows = applied.map(({ key, state }) => ({
    id: key,
    name: state.name,
    epoch: state.epoch,
    state,
    ...columnsOf(state),
  }))
  await client.query(
    `update posthorn.circuit_breakers c
        set name = i.name, epoch = i.epoch, state = i.state, opened_at = i.opened_at, closed_at = i.closed_at,
            next_probe_at = i.next_probe_at, probe_token = i.probe_token, probe_expires_at = i.probe_expires_at,
            updated_at = now()
       from jsonb_to_recordset($1::jsonb) as i(id uuid, name text, epoch bigint, state jsonb, opened_at timestamptz,
            closed_at timestamptz, next_probe_at timestamptz, probe_token uuid, probe_expires_at timestamptz)
      where c.endpoint_id = i.id`,
    [JSON.stringify(rows)],
  )
}

/** A circuit that opens or closes is announced to the app of its endpoint; one that only counts is not. */
async function announceChanges(client: pg.ClientBase, applied: readonly AppliedDelta[]): Promise<void> {
  const changes = applied.flatMap(({ key, changes }) =>
    changes.map(({ at, ...change }) => ({
      key,
      data: { endpointId: formatId('ep', key), ...change, at: new Date(at).toISOString() },
    })),
  )
  if (changes.length === 0) return
  await client.query(
    `insert into posthorn.changes (app_id, type, data)
     select e.app_id, 'circuit', c.value -> 'data'
       from jsonb_array_elements($1::jsonb) with ordinality as c(value, ord)
       join posthorn.endpoints e on e.id = (c.value ->> 'key')::uuid
      order by c.ord`,
    [JSON.stringify(changes)],
  )
}

/** What the claim reads of a state without opening its JSON. */
function columnsOf(state: CircuitState) {
  const at = (ms: number | null) => (ms === null ? null : new Date(ms))
  if (state.name === 'open') return { opened_at: at(state.openedAt), next_probe_at: at(state.nextProbeAt) }
  if (state.name === 'half_open') {
    const [probe] = state.probes
    return {
      opened_at: at(state.openedAt),
      next_probe_at: at(state.nextProbeAt),
      probe_token: probe?.token ?? null,
      probe_expires_at: at(probe?.expiresAt ?? null),
    }
  }
  return { closed_at: state.name === 'closed' ? at(state.closedAt) : null }
}
