import type { FailureClass } from '@posthorn/core'
import { and, asc, desc, eq, gt, inArray, lt, type SQL, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import {
  attempts,
  type DeadLetterReason,
  type DeliveryStatus,
  deadLetters,
  deliveries,
  deliveryQueue,
} from '../schema/index.ts'

/** A delivery as its owner sees it. */
export interface Delivery {
  readonly id: string
  readonly eventId: string
  readonly endpointId: string
  readonly status: DeliveryStatus
  readonly attemptCount: number
  readonly maxAttempts: number
  /** when it will be tried next; null when it is over or being tried */
  readonly nextAttemptAt: Date | null
  readonly scheduledAt: Date | null
  readonly expiresAt: Date
  readonly orderingKey: string | null
  readonly metadata: Record<string, unknown> | null
  readonly createdAt: Date
  readonly deliveredAt: Date | null
  readonly failedAt: Date | null
  readonly lastFailure: string | null
  readonly lastError: string | null
  readonly cancelRequested: boolean
}

/** One HTTP request made for a delivery, as its owner sees it. */
export interface Attempt {
  readonly id: string
  readonly number: number
  readonly startedAt: Date
  readonly durationMs: number
  readonly success: boolean
  readonly statusCode: number | null
  readonly failure: FailureClass | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  readonly timing: Record<string, number> | null
  readonly responseHeaders: Record<string, string> | null
  readonly responseBody: string | null
  readonly responseTruncated: boolean
}

/** A delivery that will not be tried again by itself, and why. */
export interface DeadLetter {
  readonly id: string
  readonly reason: DeadLetterReason
  readonly failedAt: Date
  readonly attempts: number
  readonly error: string | null
  readonly requeuedAt: Date | null
  readonly discardedAt: Date | null
}

export interface DeliveryFilter {
  readonly endpointId?: string
  readonly eventId?: string
  readonly status?: DeliveryStatus
}

const MAX_ATTEMPTS_SHOWN = 200

const columns = {
  id: deliveries.id,
  eventId: deliveries.eventId,
  endpointId: deliveries.endpointId,
  // The leased row of the queue is what makes a pending delivery one that is being tried.
  status: sql<DeliveryStatus>`case when ${deliveryQueue.status} = 'processing' then 'processing' else ${deliveries.status} end`,
  attemptCount: deliveries.attemptCount,
  maxAttempts: deliveries.maxAttempts,
  nextAttemptAt:
    sql<Date | null>`case when ${deliveryQueue.status} = 'pending' then ${deliveryQueue.nextAttemptAt} end`.mapWith(
      deliveryQueue.nextAttemptAt,
    ),
  scheduledAt: deliveries.scheduledAt,
  expiresAt: deliveries.expiresAt,
  orderingKey: deliveries.orderingKey,
  metadata: deliveries.metadata,
  createdAt: deliveries.createdAt,
  deliveredAt: deliveries.deliveredAt,
  failedAt: deliveries.failedAt,
  lastFailure: deliveries.lastFailure,
  lastError: deliveries.lastError,
  cancelRequested: sql<boolean>`coalesce(${deliveryQueue.cancelRequested}, false)`,
}

/** Reads deliveries with what the queue says of them. */
export class DeliveryRepository {
  readonly #client: pg.Pool | pg.ClientBase

  /** @param client a pool, or one client inside a transaction */
  constructor(client: pg.Pool | pg.ClientBase) {
    this.#client = client
  }

  async get(appId: string, id: string): Promise<Delivery | undefined> {
    const [row] = await this.#select(and(eq(deliveries.appId, appId), eq(deliveries.id, id)))
    return row
  }

  async ofEvent(appId: string, eventId: string): Promise<Delivery[]> {
    return this.#select(and(eq(deliveries.appId, appId), eq(deliveries.eventId, eventId))).orderBy(
      asc(deliveries.id),
    )
  }

  async list(appId: string, filter: DeliveryFilter, request: PageRequest): Promise<Page<Delivery>> {
    const position = parsePage(request)
    const forward = position.direction === 'after'
    const where = and(
      eq(deliveries.appId, appId),
      filter.endpointId !== undefined ? eq(deliveries.endpointId, filter.endpointId) : undefined,
      filter.eventId !== undefined ? eq(deliveries.eventId, filter.eventId) : undefined,
      statusIs(filter.status),
      position.id ? (forward ? lt(deliveries.id, position.id) : gt(deliveries.id, position.id)) : undefined,
    )
    const rows = await this.#select(where)
      .orderBy(forward ? desc(deliveries.id) : asc(deliveries.id))
      .limit(position.limit + 1)
    return toPage(rows, position)
  }

  /** Requests made for some deliveries, oldest first; at most 200 of them, the newest. */
  async attempts(deliveryIds: readonly string[]): Promise<(Attempt & { deliveryId: string })[]> {
    if (deliveryIds.length === 0) return []
    const rows = await database(this.#client)
      .select({
        id: attempts.id,
        deliveryId: sql<string>`${attempts.deliveryId}`,
        number: attempts.number,
        startedAt: attempts.startedAt,
        durationMs: attempts.durationMs,
        success: attempts.success,
        statusCode: attempts.statusCode,
        failure: sql<FailureClass | null>`${attempts.failure}`,
        errorCode: attempts.errorCode,
        errorMessage: attempts.errorMessage,
        timing: attempts.timing,
        responseHeaders: attempts.responseHeaders,
        responseBody: attempts.responseBody,
        responseTruncated: attempts.responseTruncated,
      })
      .from(attempts)
      .where(inArray(attempts.deliveryId, [...deliveryIds]))
      .orderBy(desc(attempts.startedAt))
      .limit(MAX_ATTEMPTS_SHOWN)
    return rows.reverse()
  }

  async deadLetter(deliveryId: string): Promise<DeadLetter | undefined> {
    const [row] = await database(this.#client)
      .select({
        id: deadLetters.id,
        reason: deadLetters.reason,
        failedAt: deadLetters.failedAt,
        attempts: deadLetters.attempts,
        error: deadLetters.error,
        requeuedAt: deadLetters.requeuedAt,
        discardedAt: deadLetters.discardedAt,
      })
      .from(deadLetters)
      .where(eq(deadLetters.deliveryId, deliveryId))
      .orderBy(desc(deadLetters.id))
      .limit(1)
    return row
  }

  #select(where: SQL | undefined) {
    return database(this.#client)
      .select(columns)
      .from(deliveries)
      .leftJoin(deliveryQueue, eq(deliveryQueue.id, deliveries.id))
      .where(where)
  }
}

function statusIs(status: DeliveryStatus | undefined): SQL | undefined {
  if (status === undefined) return undefined
  if (status === 'processing') return eq(deliveryQueue.status, 'processing')
  if (status === 'pending')
    return and(eq(deliveries.status, 'pending'), sql`${deliveryQueue.status} is distinct from 'processing'`)
  return eq(deliveries.status, status)
}
