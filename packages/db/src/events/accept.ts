import type pg from 'pg'
import { acceptEventsSql } from '../sql/accept-events.ts'

/** One event as it goes into the database. Everything in it has been validated. */
export interface NewEvent {
  readonly id: string
  readonly appId: string
  readonly source: string
  /** idempotency key within the app; null: none was given */
  readonly key: string | null
  /** SHA-256 in hex over what the event means; compared when its key is taken */
  readonly fingerprint: string
  readonly requestId: string | null
  readonly traceId: string | null
  readonly eventType: string
  readonly sessionId: string | null
  /** the bytes of the request, as text */
  readonly payload: string
  readonly headers: Readonly<Record<string, string>> | null
  readonly ipAddress: string | null
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly scheduledAt: Date | null
  readonly orderingKey: string | null
  /** sealed headers of its deliveries, base64 */
  readonly deliveryHeaders: string | null
  /** overrides the endpoint's own number of tries */
  readonly maxAttempts: number | null
  /** patterns that match its type (see {@link typePatterns}); deliveries go to the endpoints that subscribe to one */
  readonly patterns: readonly string[]
  /** instead of the subscribed endpoints: this one, with how long its delivery may take */
  readonly target: {
    readonly endpointId: string
    readonly maxAttempts: number
    readonly maxAgeMs: number
  } | null
}

/** What became of an event that was handed in. */
export interface Acceptance {
  readonly eventId: string
  readonly deliveryIds: string[]
  readonly duplicate: boolean
}

/** An event whose key had been used for another one. */
export interface KeyMismatch {
  readonly mismatch: true
}

/**
 * Writes a group of events with their deliveries in one statement. Events whose key is taken answer with what the key
 * made the first time, or as a mismatch where its fingerprint differs.
 *
 * @param client a pool (one commit of its own) or a client inside a caller's transaction
 * @param options.wake sends one NOTIFY with the statement; `prepared` names the statement (never on a caller's client)
 * @returns answers in the order of `events`
 */
export async function acceptEvents(
  client: pg.Pool | pg.ClientBase,
  events: readonly NewEvent[],
  options: { wake: boolean; prepared: boolean },
): Promise<(Acceptance | KeyMismatch)[]> {
  const rows = events
    .map((event, ord) => toRow(event, ord))
    .sort((a, b) => compare(a.app_id, b.app_id) || compare(a.key ?? '', b.key ?? ''))
  let accepted: pg.QueryResult<{ id: string; delivery_ids: string[] }>
  try {
    accepted = await client.query({
      text: acceptEventsSql,
      values: [JSON.stringify(rows), options.wake],
      ...(options.prepared ? { name: 'posthorn_accept_events' } : {}),
    })
  } catch (error) {
    if (!wasWrittenBefore(error)) throw error
    return acceptAgain(client, events, options)
  }
  // In the order in which a repeated request is told of them.
  const byId = new Map(accepted.rows.map((row) => [row.id, row.delivery_ids.sort()]))
  const taken = events.filter((event) => !byId.has(event.id))
  const first =
    taken.length > 0
      ? await takenAnswers(client, taken, options)
      : new Map<string, Acceptance | KeyMismatch>()
  return events.map((event) => {
    const deliveryIds = byId.get(event.id)
    if (deliveryIds) return { eventId: event.id, deliveryIds, duplicate: false }
    return first.get(event.id) ?? { mismatch: true }
  })
}

/** Ids are made for one event each: one that is there already was written by the same group before. */
const wasWrittenBefore = (error: unknown): boolean =>
  (error as { constraint?: unknown } | null)?.constraint === 'events_pkey'

/** A group that was committed before without the answer arriving: those that are there keep what they made then. */
async function acceptAgain(
  client: pg.Pool | pg.ClientBase,
  events: readonly NewEvent[],
  options: { wake: boolean; prepared: boolean },
): Promise<(Acceptance | KeyMismatch)[]> {
  const { rows } = await client.query<{ id: string; delivery_ids: string[] }>(
    `select e.id, array(select d.id from posthorn.deliveries d where d.event_id = e.id order by d.id) as delivery_ids
       from posthorn.events e where e.id = any($1::uuid[])`,
    [events.map((event) => event.id)],
  )
  const written = new Map(rows.map((row) => [row.id, row.delivery_ids]))
  const rest = events.filter((event) => !written.has(event.id))
  const answers = rest.length > 0 ? await acceptEvents(client, rest, options) : []
  const byEvent = new Map(rest.map((event, at) => [event.id, answers[at]]))
  return events.map((event) => {
    const deliveryIds = written.get(event.id)
    if (deliveryIds) return { eventId: event.id, deliveryIds, duplicate: false }
    return byEvent.get(event.id) ?? { mismatch: true }
  })
}

/**
 * Answers for events whose keys were taken: what each key made the first time; where its term is over, the key is freed
 * and the event taken like any other. Only here, since a key that is taken is rare, and one that is over rarer still.
 */
async function takenAnswers(
  client: pg.Pool | pg.ClientBase,
  events: readonly NewEvent[],
  options: { wake: boolean; prepared: boolean },
): Promise<Map<string, Acceptance | KeyMismatch>> {
  const answers = await firstAnswers(client, events)
  // Those over, and those that somebody else has freed a moment ago.
  const free = events.filter((event) => !answers.has(event.id))
  if (free.length === 0) return answers
  // Locked in the order of all keys. Of several at the same time the first removes a key, and the others find the new one.
  await client.query(
    `with over as materialized (
       select k.app_id, k.key from posthorn.idempotency_keys k
        where (k.app_id, k.key) in (select * from unnest($1::uuid[], $2::text[])) and k.expires_at <= now()
        order by k.app_id, k.key for update
     )
     delete from posthorn.idempotency_keys k using over where k.app_id = over.app_id and k.key = over.key`,
    [free.map((event) => event.appId), free.map((event) => event.key)],
  )
  const again = await acceptEvents(client, free, options)
  free.forEach((event, at) => {
    answers.set(event.id, again[at] ?? { mismatch: true })
  })
  return answers
}

/** What keys that are in force made the first time; none for an event whose key is not. */
async function firstAnswers(
  client: pg.Pool | pg.ClientBase,
  events: readonly NewEvent[],
): Promise<Map<string, Acceptance | KeyMismatch>> {
  const { rows } = await client.query<{
    ord: number
    fingerprint: string
    event_id: string
    delivery_ids: string[]
  }>(
    `select i.ord::int, encode(k.fingerprint, 'hex') as fingerprint, k.event_id,
            array(select d.id from posthorn.deliveries d where d.event_id = k.event_id order by d.id) as delivery_ids
       from unnest($1::uuid[], $2::text[]) with ordinality as i(app_id, key, ord)
       join posthorn.idempotency_keys k on k.app_id = i.app_id and k.key = i.key and k.expires_at > now()`,
    [events.map((event) => event.appId), events.map((event) => event.key)],
  )
  const answers = new Map<string, Acceptance | KeyMismatch>()
  for (const row of rows) {
    const event = events[row.ord - 1]
    if (!event) continue
    const same = row.fingerprint === event.fingerprint
    // An event sent again because its own commit was not confirmed is not a duplicate of itself.
    const duplicate = row.event_id !== event.id
    answers.set(
      event.id,
      same ? { eventId: row.event_id, deliveryIds: row.delivery_ids, duplicate } : { mismatch: true },
    )
  }
  return answers
}

function toRow(event: NewEvent, ord: number) {
  return {
    ord,
    id: event.id,
    app_id: event.appId,
    key: event.key,
    fingerprint: event.fingerprint,
    source: event.source,
    request_id: event.requestId,
    trace_id: event.traceId,
    event_type: event.eventType,
    session_id: event.sessionId,
    payload: event.payload,
    headers: event.headers,
    ip_address: event.ipAddress,
    metadata: event.metadata,
    patterns: event.patterns,
    endpoint_id: event.target?.endpointId ?? null,
    max_attempts: event.target?.maxAttempts ?? event.maxAttempts,
    max_age_ms: event.target?.maxAgeMs ?? null,
    scheduled_at: event.scheduledAt,
    ordering_key: event.orderingKey,
    delivery_headers: event.deliveryHeaders,
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The filters that match an event type: `order.line.added` is matched by itself, `order.line.*`, `order.*` and `*`.
 * Types of captured events (`claude-code.…`) are matched only by filters that begin with that word.
 */
export function typePatterns(eventType: string): string[] {
  const segments = eventType.split('.')
  const prefixes = segments.slice(0, -1).map((_, at) => `${segments.slice(0, at + 1).join('.')}.*`)
  const everything = segments[0] === 'claude-code' ? [] : ['*']
  return [...everything, ...prefixes, eventType]
}
