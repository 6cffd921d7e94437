import { type CircuitState, type CircuitStateName, initialState } from '@posthorn/circuit-breaker'
import { and, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { byId, type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { apps, circuitBreakers, endpoints } from '../schema/index.ts'

/** The circuit of an endpoint that can be called. */
export interface ListedCircuit {
  readonly endpointId: string
  readonly appId: string
  readonly appName: string
  readonly capability: string
  readonly url: string
  readonly state: CircuitState
  /** null: nothing has happened yet */
  readonly updatedAt: Date | null
}

/** Circuits of the endpoints that can be called, of one app or of all (null); those made last first. */
export async function listCircuits(
  pool: pg.Pool,
  appId: string | null,
  filter: { readonly state?: CircuitStateName | undefined; readonly capability?: string | undefined },
  request: PageRequest,
): Promise<Page<ListedCircuit>> {
  const position = parsePage(request)
  const { beyond, order } = byId(endpoints.id, position)
  const rows = await database(pool)
    .select({
      id: endpoints.id,
      appId: endpoints.appId,
      appName: apps.name,
      capability: sql<string>`${endpoints.capability}`,
      url: endpoints.url,
      state: circuitBreakers.state,
      updatedAt: circuitBreakers.updatedAt,
    })
    .from(endpoints)
    .innerJoin(apps, eq(apps.id, endpoints.appId))
    .leftJoin(circuitBreakers, eq(circuitBreakers.endpointId, endpoints.id))
    .where(
      and(
        appId === null ? undefined : eq(endpoints.appId, appId),
        filter.capability === undefined ? undefined : eq(endpoints.capability, filter.capability),
        isNotNull(endpoints.capability),
        isNull(endpoints.deletedAt),
        stateIs(filter.state),
        beyond,
      ),
    )
    .orderBy(order)
    .limit(position.limit + 1)
  const { data, ...cursors } = toPage(rows, position)
  return {
    data: data.map(({ id, state, ...circuit }) => ({
      endpointId: id,
      ...circuit,
      state: (state as CircuitState | null) ?? initialState(),
    })),
    ...cursors,
  }
}

/** A circuit that was never touched is closed. */
function stateIs(state: CircuitStateName | undefined): SQL | undefined {
  return state === undefined ? undefined : sql`coalesce(${circuitBreakers.name}, 'closed') = ${state}`
}
