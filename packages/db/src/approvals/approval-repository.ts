import { ConflictError, formatId, NotFoundError } from '@posthorn/core'
import { and, eq, gt, isNull, lte, type SQL, sql } from 'drizzle-orm'
import type pg from 'pg'
import { type NewChange, recordForPlatform } from '../changes/record-changes.ts'
import { database, inTransaction } from '../database.ts'
import { byId, type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { type ApprovalStatus, approvals } from '../schema/index.ts'
import { storableText } from '../storable-text.ts'
import type { Approval, ApprovalDecision, ApprovalFilter, NewApproval } from './approval.ts'

// Not the time of the transaction: it may have waited for a lock until the term was over.
const now = sql`clock_timestamp()`

const columns = {
  id: approvals.id,
  callId: approvals.callId,
  appId: approvals.appId,
  capability: approvals.capability,
  payloadText: approvals.payload,
  context: approvals.context,
  status: sql<ApprovalStatus>`case when ${approvals.status} = 'pending' and ${approvals.expiresAt} <= ${now} then 'expired' else ${approvals.status} end`,
  createdAt: approvals.createdAt,
  expiresAt: approvals.expiresAt,
  decidedAt: approvals.decidedAt,
  decidedBy: approvals.decidedBy,
  note: approvals.note,
  eventId: approvals.eventId,
}

/** Approvals of one app or of all (null). */
export class ApprovalRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  /** Keeps an approval and announces it; one that is there already is left as it is. */
  create(approval: NewApproval): Promise<void> {
    return this.createAll([approval])
  }

  /** Keeps approvals and announces them, in one commit. */
  async createAll(given: readonly NewApproval[]): Promise<void> {
    if (given.length === 0) return
    await inTransaction(this.#pool, async (client) => {
      const made = await database(client)
        .insert(approvals)
        .values(given.map(({ payloadText, ...approval }) => ({ ...approval, payload: payloadText })))
        .onConflictDoNothing()
        .returning(columns)
      await announce(client, made)
    })
  }

  async get(appId: string | null, id: string): Promise<Approval | undefined> {
    const [row] = await database(this.#pool).select(columns).from(approvals).where(isIt(appId, id))
    return row
  }

  async list(
    appId: string | null,
    { status, capability, roomId }: ApprovalFilter,
    request: PageRequest,
  ): Promise<Page<Approval>> {
    const position = parsePage(request)
    const { beyond, order } = byId(approvals.id, position)
    const rows = await database(this.#pool)
      .select(columns)
      .from(approvals)
      .where(
        and(
          appId === null ? undefined : eq(approvals.appId, appId),
          statusIs(status),
          capability === undefined ? undefined : eq(approvals.capability, capability),
          roomId === undefined ? undefined : eq(sql`${approvals.context} ->> 'roomId'`, roomId),
          beyond,
        ),
      )
      .orderBy(order)
      .limit(position.limit + 1)
    return toPage(rows, position)
  }

  /**
   * Decides an approval and announces that, inside a transaction. The same decision again changes nothing.
   *
   * @throws NotFoundError; ConflictError when it has expired or was decided otherwise
   */
  async decide(
    client: pg.ClientBase,
    appId: string | null,
    id: string,
    { decision, by, note }: ApprovalDecision,
  ): Promise<{ approval: Approval; changed: boolean }> {
    const db = database(client)
    const locked = await db.select({ id: approvals.id }).from(approvals).where(isIt(appId, id)).for('update')
    if (locked.length === 0) throw new NotFoundError('There is no such approval.')
    // Read behind the lock: what it says of the term holds from here on.
    const [present] = await db.select(columns).from(approvals).where(eq(approvals.id, id))
    if (present?.status === decision) return { approval: present, changed: false }
    if (present?.status !== 'pending') throw new ConflictError(`The approval is ${present?.status} already.`)
    const [decided] = await db
      .update(approvals)
      .set({ status: decision, decidedAt: now, decidedBy: by, note: note ?? null })
      .where(eq(approvals.id, id))
      .returning(columns)
    const approval = decided as Approval
    await announce(client, [approval])
    return { approval, changed: true }
  }

  /**
   * Approvals of living apps whose term passed without a decision, and of which their app was not told, the oldest first, locked until the
   * transaction ends; those that another transaction has locked are left to it. Announces that they expired.
   */
  async takeExpired(client: pg.ClientBase, limit: number): Promise<Approval[]> {
    const expired = await database(client)
      .select(columns)
      .from(approvals)
      .where(
        and(
          statusIs('expired'),
          isNull(approvals.eventId),
          sql`exists (select from posthorn.apps a where a.id = ${approvals.appId} and a.deleted_at is null)`,
        ),
      )
      .orderBy(approvals.expiresAt)
      .limit(limit)
      .for('update', { skipLocked: true })
    await announce(client, expired)
    return expired
  }

  /** Notes which event tells the app. */
  async setEvent(client: pg.ClientBase, id: string, eventId: string): Promise<void> {
    await database(client).update(approvals).set({ eventId }).where(eq(approvals.id, id))
  }
}

const isIt = (appId: string | null, id: string): SQL | undefined =>
  and(eq(approvals.id, id), appId === null ? undefined : eq(approvals.appId, appId))

function statusIs(status: ApprovalStatus | undefined): SQL | undefined {
  if (status === undefined) return undefined
  if (status === 'pending') return and(eq(approvals.status, 'pending'), gt(approvals.expiresAt, now))
  if (status === 'expired') return and(eq(approvals.status, 'pending'), lte(approvals.expiresAt, now))
  return eq(approvals.status, status)
}

async function announce(client: pg.ClientBase, changed: readonly Approval[]): Promise<void> {
  await recordForPlatform(client, changed.map(toChange))
}

function toChange(approval: Approval): NewChange {
  const { roomId } = approval.context
  return {
    appId: approval.appId,
    type: 'approval',
    data: {
      id: formatId('apr', approval.id),
      appId: formatId('app', approval.appId),
      capability: approval.capability,
      status: approval.status,
      roomId: typeof roomId === 'string' ? storableText(roomId) : null,
      expiresAt: approval.expiresAt,
    },
  }
}
