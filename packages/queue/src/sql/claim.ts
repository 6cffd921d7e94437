import { type QueueTable, qualifiedName, quoteIdentifier, quoteLiteral } from '../table.ts'

/**
 * Rows of the due index that a claim looks at before it turns to the loose scans: at most this many, which is what
 * a claim gets for a while after one group had crowded its window.
 */
export const widestWindow = 2000
/** Without a crowd, twice what is asked for shows enough groups; ranking the rows of the window is most of a claim's cost. */
export const narrowWindow = (limit: number): number => Math.min(widestWindow, Math.max(100, 2 * limit))
/** Groups, and ordering keys, that one claim visits at most in a loose scan. */
export const ringSteps = 500
/** Allowances and caps above this are no limit. */
const unlimited = 2147483647

/**
 * First round trip of a claim. The lock is taken in a statement of its own: the claim's snapshot is then
 * younger than the last claimer's commit, which makes caps, heads and probes exact over all workers.
 * The planner settings keep plans made on an empty or un-analysed table from scanning it row by row;
 * the time-outs keep a stopped process from holding the lock of everybody. The commit need not wait for the
 * disk: a claim that a crash of the server undoes leaves its rows due, and outcomes are fenced by the token.
 */
export function beginClaimSql(table: QueueTable): string {
  const name = quoteLiteral(`posthorn queue ${qualifiedName(table)}`)
  return `begin isolation level read committed;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
set local jit = off;
set local synchronous_commit = off;
set local plan_cache_mode = force_generic_plan;
set local lock_timeout = 5000;
set local idle_in_transaction_session_timeout = 10000;
select pg_advisory_xact_lock(hashtextextended(${name}, 0))`
}

/** Parameters of `claimSql`, in order. */
export type ClaimParameters = [
  limit: number,
  leaseMs: number,
  /** Rows of a group beyond which other groups come first. */
  fairShare: number,
  /** Most rows of a group. */
  perGroup: number,
  excluded: readonly string[],
  shared: readonly string[],
  sharedLimit: number,
  defaultMaxInFlight: number,
  /** Nothing due before it is looked for: dead index entries before it are not walked. */
  floor: string,
  groupStart: string,
  keyGroupStart: string,
  keyStart: string,
  keysPerGroup: number,
  /** Tokens of leases that were held before `since`. */
  slow: readonly string[],
  /** Every lease that is not in `slow` has a token from here on. */
  since: string,
  /** Rows of the due index to look at. */
  window: number,
]

/** A claim remembers leases older than this one by one, and looks for younger ones in the index. */
const youngMs = 1000
/** Milliseconds as the first twelve digits of a token: tokens are uuids of version 7, by the database's clock. */
const stamp = (ms: string) => `lpad(to_hex((extract(epoch from now) * 1000)::bigint${ms}), 12, '0')`

/**
 * The claim: one statement, run under the lock of `beginClaimSql`.
 *
 * 0. `leased`: what is in flight, by group. An old snapshot keeps the entries of all finished leases in the index,
 *    so only those of the last second are looked through; older leases are known by their tokens, also when they
 *    have run out and wait to be taken back.
 * 1. `due`: the window, the oldest due rows; of rows with an ordering key only heads count (`heads`).
 * 2. `crowd`, `gated`: groups are judged after the window, oldest first and only until the batch is full.
 * 3. `ring`, `scanned`: when the window was full and did not fill the batch, a loose scan from group to
 *    group, starting where the last one ended, at most 500 groups.
 * 4. `key_ring`, `key_scanned`: then the same over ordering keys, whose blocked rows may have filled the window.
 * 5. `granted`: each group's first rows before anybody's second; groups never above their room. Where nothing was
 *    scanned and no group shares its part with others (`mixed`), the window is ranked already.
 * 6. `locked`: row locks by id, skipping what somebody else is writing.
 *
 * Joins between the steps would be nested loops under stale statistics, so groups travel as arrays and
 * look-ups by group go through jsonb maps; everything that touches the table is an index probe or a range
 * with a limit. `status || ''` in a re-check of rows already found keeps the partial indexes out of it.
 *
 * Measured on PostgreSQL 18 (two shared cores, fsync on, lock and claim of 500 rows, rolled back; median of 15,
 * twice). "Flooded": one group with that many older rows beside 100 000 over 10 000 groups.
 *
 * | claim | 10 000 flooded | 1 000 000 flooded |
 * |---|---|---|
 * | oldest 500, unfair: all of them of the flooded group | 6.4–7.0 ms | 6.9–7.0 ms |
 * | this one: 16 of the flooded group, the rest of 49 others | 12.3–12.8 ms | 13.2–14.0 ms |
 * | this one, never analysed | | 13.8 ms |
 * | this one, 50 rows | 3.7 ms | 3.6 ms |
 *
 * One group due (1 000 000) beside 10 000 with future retries: 6.1 ms for the 16 rows of its cap. 100 000 due
 * over 10 000 groups: 12.7 ms for 500 groups. With an old snapshot held, committed claims of 500 took 16.6 ms at
 * first and 19.6 ms after 90 000 rows (without it 17.4 and 16.3).
 *
 * Tried and worse: leases counted through an index by expiry (walks every finished lease while a snapshot is
 * held: 6 228 pages after 8 000 rows, where the whole claim of 10 now touches 228); `unnest` in FROM for a
 * group's rows (9 µs a group, 4 ms a claim); the re-check of found rows written so that a partial index fits
 * (236 ms on an un-analysed table).
 */
export function claimSql(table: QueueTable): string {
  const from = qualifiedName(table)
  const group = `d.${quoteIdentifier(table.groupColumn)}`
  const type = table.groupType
  const groups = `${type}[]`
  const gate = table.gates
    ? `(select t.max_in_flight, t.allowance from ${table.gates} t where t.group_key = c.g limit 1)`
    : `(select null::int as max_in_flight, null::int as allowance)`
  /** Room of the group `c.g`, from the gates relation, the rows in flight and the request. */
  const room = `
    cross join lateral (
      select gate.allowance, least(
        coalesce(gate.max_in_flight, $8::int) - coalesce(((select flights from busy) ->> (c.g::text))::int, 0),
        coalesce(gate.allowance, ${unlimited}), $4::int) as room
      from (select 1) always left join lateral ${gate} gate on true
    ) r`
  /** The floor is compared inside the index, so dead entries below it cost no visit to the table. */
  const unordered = `d.status = 'pending' and d.ordering_key is null and d.next_attempt_at >= $9::timestamptz`
  const dueNow = `d.next_attempt_at >= $9::timestamptz and d.next_attempt_at <= (select now from clock)`
  const openRoom = (window: string) => `
      select c.g, c.is_shared, c.ids, c.dues, r.room, r.allowance from crowd c ${room}
      where r.room > 0 and ${window}`

  return `
with recursive
clock as materialized (
  select now, ${stamp('')} as stamp, (${stamp(` - ${youngMs}`)} || repeat('0', 20))::uuid as since
  from (select statement_timestamp() as now) t
),
due as materialized (
  select d.id, ${group} as g, d.next_attempt_at as due_at, d.ordering_key
  from ${from} d
  where d.status = 'pending' and ${dueNow}
  order by d.next_attempt_at, d.id
  limit $16::int
),
heads as materialized (
  select h.id
  from (select g, ordering_key from due where ordering_key is not null group by g, ordering_key) k
  cross join lateral (
    select d.id from ${from} d
    where ${group} = k.g and d.ordering_key = k.ordering_key
    order by d.seq limit 1
  ) h
),
leased as materialized (
  select ${group} as g, d.lease_token, d.lease_expires_at
  from ${from} d
  where d.status = 'processing' and d.lease_token >= $15::uuid
  union all
  select ${group}, d.lease_token, d.lease_expires_at
  from ${from} d
  where d.status = 'processing' and d.lease_token = any ($14::uuid[]) and d.lease_token < $15::uuid
),
busy as materialized (
  select coalesce(jsonb_object_agg(g, n), '{}') as flights
  from (
    select g::text as g, count(*) as n from leased where lease_expires_at > (select now from clock) group by 1
  ) f
),
crowd as materialized (
  select w.g, w.g in (select unnest($6::${groups})) as is_shared,
    array_agg(w.id order by w.due_at, w.id) as ids, array_agg(w.due_at order by w.due_at, w.id) as dues
  from due w
  where (w.ordering_key is null or w.id in (select id from heads))
    and w.g not in (select unnest($5::${groups}))
  group by w.g
  order by min(w.due_at)
),
gated as materialized (
  (${openRoom('not c.is_shared')} limit $1::int)
  union all
  (${openRoom('c.is_shared')} limit least($1::int, $7::int))
),
windowed as materialized (
  select c.g, unnest(c.ids[1:c.room]) as id, unnest(c.dues[1:c.room]) as due_at, c.room, c.allowance,
    generate_series(1, least(c.room, cardinality(c.ids))) as rank, c.is_shared
  from gated c
),
crowded as materialized (
  select coalesce(jsonb_object_agg(g::text, cardinality(ids)), '{}') as shares from crowd
),
wanted as materialized (
  select
    case when (select count(*) from due) < $16::int then 0 else greatest(0, $1::int - (
      select count(*) filter (where not is_shared) + least(count(*) filter (where is_shared), $7::int)
      from windowed where rank <= $3::int)) end as rows,
    (select count(*) filter (where is_shared) from windowed) >= $7::int as shared_full
),
ring (g, head_due, step, lap) as (
  select f.g, f.head_due, 1, f.lap
  from (select 1 where (select rows from wanted) > 0) go
  cross join lateral (
    (select ${group} as g, d.next_attempt_at as head_due, 0 as lap from ${from} d
      where ${unordered} and ${group} > $10::${type} order by ${group}, d.next_attempt_at limit 1)
    union all
    (select ${group}, d.next_attempt_at, 1 from ${from} d
      where ${unordered} order by ${group}, d.next_attempt_at limit 1)
    limit 1
  ) f
  union all
  select n.g, n.head_due, r.step + 1, n.lap
  from ring r
  cross join lateral (
    (select ${group} as g, d.next_attempt_at as head_due, r.lap as lap from ${from} d
      where ${unordered} and ${group} > r.g order by ${group}, d.next_attempt_at limit 1)
    union all
    (select ${group}, d.next_attempt_at, 1 from ${from} d
      where r.lap = 0 and ${unordered} order by ${group}, d.next_attempt_at limit 1)
    limit 1
  ) n
  where r.step < ${ringSteps} and (n.lap = 0 or n.g <= $10::${type})
),
scanned as materialized (
  select c.g, d.id, d.due_at, r.room, r.allowance, c.step
  from (
    select v.g, v.step from ring v
    where v.head_due <= (select now from clock)
      and v.g not in (select unnest($5::${groups}))
      and not ((select shared_full from wanted) and v.g in (select unnest($6::${groups})))
      and coalesce(((select shares from crowded) ->> (v.g::text))::int, 0) < $3::int
    offset 0
  ) c ${room}
  cross join lateral (
    select d.id, d.next_attempt_at as due_at from ${from} d
    where ${unordered} and ${group} = c.g and d.next_attempt_at <= (select now from clock)
    order by d.next_attempt_at, d.id
    limit greatest(0, least(r.room, $3::int))
  ) d
  limit (select rows from wanted)
),
key_wanted as materialized (
  select greatest(0, (select rows from wanted) - (select count(*) from scanned)) as rows
),
key_ring (g, key, id, status, due_at, taken, step, lap) as (
  select f.g, f.key, f.id, f.status, f.due_at, 1, 1, f.lap
  from (select 1 where (select rows from key_wanted) > 0) go
  cross join lateral (
    (select ${group} as g, d.ordering_key as key, d.id, d.status, d.next_attempt_at as due_at, 0 as lap
      from ${from} d
      where d.ordering_key is not null and (${group}, d.ordering_key) > ($11::${type}, $12::text)
      order by ${group}, d.ordering_key, d.seq limit 1)
    union all
    (select ${group}, d.ordering_key, d.id, d.status, d.next_attempt_at, 1
      from ${from} d where d.ordering_key is not null
      order by ${group}, d.ordering_key, d.seq limit 1)
    limit 1
  ) f
  union all
  select n.g, n.key, n.id, n.status, n.due_at, case when n.g = r.g then r.taken + 1 else 1 end, r.step + 1, n.lap
  from key_ring r
  cross join lateral (
    (select ${group} as g, d.ordering_key as key, d.id, d.status, d.next_attempt_at as due_at, r.lap as lap
      from ${from} d
      where r.taken < $13::int and d.ordering_key is not null and (${group}, d.ordering_key) > (r.g, r.key)
      order by ${group}, d.ordering_key, d.seq limit 1)
    union all
    (select ${group}, d.ordering_key, d.id, d.status, d.next_attempt_at, r.lap
      from ${from} d
      where r.taken >= $13::int and d.ordering_key is not null and ${group} > r.g
      order by ${group}, d.ordering_key, d.seq limit 1)
    union all
    (select ${group}, d.ordering_key, d.id, d.status, d.next_attempt_at, 1
      from ${from} d
      where r.lap = 0 and d.ordering_key is not null
      order by ${group}, d.ordering_key, d.seq limit 1)
    limit 1
  ) n
  where r.step < ${ringSteps} and (n.lap = 0 or (n.g, n.key) <= ($11::${type}, $12::text))
),
key_scanned as materialized (
  select c.g, c.id, c.due_at, r.room, r.allowance, c.key, c.step
  from (
    select v.g, v.id, v.due_at, v.key, v.step from key_ring v
    where v.status = 'pending' and v.due_at <= (select now from clock)
      and v.g not in (select unnest($5::${groups}))
      and not ((select shared_full from wanted) and v.g in (select unnest($6::${groups})))
    offset 0
  ) c ${room}
  where r.room > 0
  limit (select rows from key_wanted)
),
mixed as materialized (
  select (select rows from wanted) > 0 or exists (select from gated where is_shared) as yes
),
candidates as (
  select g, id, min(due_at) as due_at, min(room) as room, min(allowance) as allowance, min(turn) as turn
  from (
    select g, id, due_at, room, allowance, case when rank <= $3::int then 0 else 2 end as turn from windowed
    union all
    select g, id, due_at, room, allowance, 1 from scanned
    union all
    select g, id, due_at, room, allowance, 1 from key_scanned
  ) x
  where (select yes from mixed)
  group by g, id
),
ranked as (
  select c.*, row_number() over (partition by c.g order by c.turn, c.due_at, c.id) as rank from candidates c
),
counted as (
  select k.*, k.g in (select unnest($6::${groups})) as is_shared from ranked k where k.rank <= k.room
),
granted as materialized (
  (select w.g, w.id, w.allowance
    from windowed w
    where not (select yes from mixed)
    order by w.rank > $3::int, w.rank, w.due_at, w.id
    limit $1::int)
  union all
  (select s.g, s.id, s.allowance
    from (
      select c.*, row_number() over (partition by c.is_shared order by c.turn, c.rank, c.due_at, c.id) as share
      from counted c
    ) s
    where not s.is_shared or s.share <= $7::int
    order by s.turn, s.rank, s.due_at, s.id
    limit $1::int)
),
allowances as materialized (
  select jsonb_object_agg(g::text, allowance) as known from granted where allowance is not null
),
locked as materialized (
  select d.id from ${from} d
  where d.id = any (array(select id from granted))
    and d.status || '' = 'pending' and d.next_attempt_at + interval '0' <= (select now from clock)
  order by d.id
  for update skip locked
),
claimed as (
  update ${from} d
  set status = 'processing', claim_count = d.claim_count + 1, 
    lease_token =
      ((select stamp from clock) || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
    lease_expires_at = (select now from clock) + $2::float8 * interval '1 millisecond'
  where d.id = any (array(select id from locked))
  returning d.id, ${group} as g, d.attempt_count, d.claim_count, d.lease_token, d.next_attempt_at
)
select null::uuid as id, null::text as "group", null::int as attempt_count, null::int as claim_count,
  null::uuid as lease_token, date_part('epoch', now) * 1000 as claimed_at_ms, null::float8 as due_at_ms,
  null::int as allowance,
  json_build_object(
    'now', now, 'since', since,
    'aged', (select json_agg(lease_token) from leased where lease_token >= $15::uuid and lease_token < since),
    'gone', (select json_agg(t) from unnest($14::uuid[]) t where t not in (select lease_token from leased)),
    'oldest', (select min(due_at) from due),
    'group', (select x.g::text from (
      (select g, step from scanned where (select count(*) from scanned) >= (select rows from wanted)
        order by step desc limit 1)
      union all
      (select g, step from ring order by step desc limit 1)
      limit 1) x),
    'key', (select json_build_array(x.g::text, x.key) from (
      (select g, key from key_scanned where (select count(*) from key_scanned) >= (select rows from key_wanted)
        order by step desc limit 1)
      union all
      (select g, key from key_ring order by step desc limit 1)
      limit 1) x)
  )::text as note
from clock
union all
select id, g::text, attempt_count, claim_count, lease_token, (select date_part('epoch', now) * 1000 from clock),
  date_part('epoch', next_attempt_at) * 1000,
  ((select known from allowances) ->> (g::text))::int, null
from claimed`
}
