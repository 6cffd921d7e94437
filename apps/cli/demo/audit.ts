import type pg from 'pg'
import type { AcceptedEvent } from './publisher.ts'
import type { Receiver } from './receiver.ts'

/** What one receiver got. */
export interface ReceiverAudit {
  readonly name: string
  /** accepted events that are owed to it */
  readonly owed: number
  readonly delivered: number
  readonly requests: number
  /** deliveries that it took more than once */
  readonly duplicates: number
  readonly lost: number
  readonly deadLettered: number
  readonly p50: number
  readonly p95: number
}

/** What came of everything. Latencies are milliseconds from acknowledgement to receipt. */
export interface Audit {
  readonly events: number
  /** what the service said that it owes, over all events */
  readonly deliveries: number
  /** what it owes by the receivers' subscriptions */
  readonly owed: number
  readonly delivered: number
  readonly retried: number
  readonly furtherAttempts: number
  readonly deadLettered: number
  readonly duplicates: number
  readonly lost: number
  readonly signatures: number
  readonly badSignatures: number
  readonly p50: number
  readonly p95: number
  readonly receivers: readonly ReceiverAudit[]
}

/**
 * Compares what was acknowledged with what receivers wrote into their ledgers. Lost is an event that is owed to a
 * receiver, that it never took, and that does not lie in the dead-letter queue either.
 */
export async function audit(
  pool: pg.Pool,
  accepted: readonly AcceptedEvent[],
  receivers: readonly Receiver[],
): Promise<Audit> {
  const dead = await deadLetters(pool)
  const { rows } = await pool.query<{ retried: number; further: number }>(
    `select count(*) filter (where attempt_count > 1)::int as retried,
            coalesce(sum(greatest(attempt_count - 1, 0)), 0)::int as further from posthorn.deliveries`,
  )
  const latencies: number[] = []
  const audits = receivers.map((receiver) => auditReceiver(receiver, accepted, dead, latencies))
  const sum = (read: (each: ReceiverAudit) => number) => audits.reduce((total, each) => total + read(each), 0)
  return {
    events: accepted.length,
    deliveries: accepted.reduce((total, event) => total + event.deliveries, 0),
    owed: sum((each) => each.owed),
    delivered: sum((each) => each.delivered),
    retried: rows[0]?.retried ?? 0,
    furtherAttempts: rows[0]?.further ?? 0,
    deadLettered: sum((each) => each.deadLettered),
    duplicates: sum((each) => each.duplicates),
    lost: sum((each) => each.lost),
    signatures: receivers.reduce((total, receiver) => total + receiver.requests, 0),
    badSignatures: receivers.reduce((total, receiver) => total + receiver.badSignatures, 0),
    ...percentiles(latencies),
    receivers: audits,
  }
}

function auditReceiver(
  receiver: Receiver,
  accepted: readonly AcceptedEvent[],
  dead: ReadonlySet<string>,
  all: number[],
): ReceiverAudit {
  const firstReceipt = new Map<string, number>()
  let duplicates = 0
  for (const { eventId, acceptedAt } of receiver.ledger.values()) {
    const [first] = acceptedAt
    if (first === undefined) continue
    firstReceipt.set(eventId, first)
    duplicates += acceptedAt.length - 1
  }
  const owed = accepted.filter(({ type }) => receiver.spec.eventTypes.some((filter) => matches(filter, type)))
  const latencies: number[] = []
  let deadLettered = 0
  let lost = 0
  for (const event of owed) {
    const receivedAt = firstReceipt.get(event.id)
    // It may be received before the acknowledgement has come back.
    if (receivedAt !== undefined) latencies.push(Math.max(0, receivedAt - event.acceptedAt))
    else if (dead.has(`${event.id} ${receiver.url}`)) deadLettered += 1
    else lost += 1
  }
  all.push(...latencies)
  return {
    name: receiver.spec.name,
    owed: owed.length,
    delivered: latencies.length,
    requests: receiver.requests,
    ...{ duplicates, lost, deadLettered },
    ...percentiles(latencies),
  }
}

const matches = (filter: string, type: string): boolean =>
  filter === '*' || filter === type || (filter.endsWith('.*') && type.startsWith(filter.slice(0, -1)))

async function deadLetters(pool: pg.Pool): Promise<Set<string>> {
  const { rows } = await pool.query<{ entry: string }>(
    `select 'evt_' || replace(l.event_id::text, '-', '') || ' ' || e.url as entry
       from posthorn.dead_letters l join posthorn.endpoints e on e.id = l.endpoint_id`,
  )
  return new Set(rows.map((row) => row.entry))
}

function percentiles(values: number[]): { p50: number; p95: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p95: at(0.95) }
}
