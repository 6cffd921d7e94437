import type pg from 'pg'
import type { PostgresCircuitStore } from '../circuits/postgres-circuit-store.ts'

/** A claimed delivery as far as its endpoint's limits are concerned. */
export interface GatedItem {
  readonly group: string
  readonly leaseToken: string
  /** null: its endpoint had no limit of its own */
  readonly allowance: number | null
}

const PROBE_MARGIN_MS = 15_000

/** The relation that says how many deliveries of each endpoint may be claimed. */
export const DELIVERY_GATES = 'posthorn.endpoint_gates'

/**
 * Accounts for what a claim took from limited endpoints, inside the claim's own transaction: a delivery of an endpoint
 * whose circuit is open becomes its probe (leased), one of a rate-limited endpoint costs a token. Claims run one at a
 * time, so both are exact over all workers.
 */
export async function accountForClaim(
  client: pg.ClientBase,
  items: readonly GatedItem[],
  circuits: PostgresCircuitStore,
): Promise<void> {
  const limited = items.filter((item) => item.allowance !== null)
  if (limited.length === 0) return
  const groups = [...new Set(limited.map((item) => item.group))].sort()
  await takeTokens(client, groups, limited)
  const { rows } = await client.query<{ id: string; timeout_ms: number }>(
    `select c.endpoint_id as id, e.timeout_ms from posthorn.circuit_breakers c join posthorn.endpoints e on e.id = c.endpoint_id
      where c.endpoint_id = any($1::uuid[]) and c.name in ('open', 'half_open')`,
    [groups],
  )
  const timeouts = new Map(rows.map((row) => [row.id, row.timeout_ms]))
  if (timeouts.size === 0) return
  await circuits.applyWithin(
    client,
    limited
      .filter((item) => timeouts.has(item.group))
      .map((item) => ({
        key: item.group,
        // Longer than its request may take: a probe whose place was given away decides nothing.
        events: [
          {
            type: 'probe_acquired',
            token: item.leaseToken,
            leaseMs: (timeouts.get(item.group) ?? 0) + PROBE_MARGIN_MS,
          },
        ],
      })),
  )
}

async function takeTokens(
  client: pg.ClientBase,
  groups: readonly string[],
  items: readonly GatedItem[],
): Promise<void> {
  const taken = groups.map((group) => items.filter((item) => item.group === group).length)
  await client.query(
    `insert into posthorn.endpoint_rates as r (endpoint_id, tokens, refilled_at)
     select e.id, greatest(e.rate_limit - t.taken, 0), now()
       from unnest($1::uuid[], $2::int[]) as t(id, taken)
       join posthorn.endpoints e on e.id = t.id and e.rate_limit is not null
      order by e.id
     on conflict (endpoint_id) do update
        set tokens = greatest(0, (select least(e.rate_limit, r.tokens + extract(epoch from now() - r.refilled_at) * 1000 * e.rate_limit / e.rate_period_ms)
                                    from posthorn.endpoints e where e.id = r.endpoint_id)
                              - (select t.taken from unnest($1::uuid[], $2::int[]) as t(id, taken) where t.id = r.endpoint_id)),
            refilled_at = now()`,
    [groups, taken],
  )
}
