import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { canonicalUuid, NotFoundError, uuidv7, ValidationError } from '@posthorn/core'
import { and, eq, isNull, lt, or, sql } from 'drizzle-orm'
import type pg from 'pg'
import { appExists } from '../apps/app-exists.ts'
import { database } from '../database.ts'
import { apiKeys, apps, type KeyRole } from '../schema/index.ts'

/** What a key turned out to be. */
export interface KeyIdentity {
  readonly id: string
  /** null: a key of the platform, which may name any app */
  readonly appId: string | null
  readonly name: string
  readonly role: KeyRole
}

/** A key as a list shows it: never its secret. */
export interface KeySummary extends KeyIdentity {
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  readonly lastUsedAt: Date | null
}

export interface NewKey {
  readonly name: string
  readonly role: KeyRole
  readonly appId?: string | null
  readonly expiresAt?: Date
}

const KEY_FORM = /^phk_([0-9a-f]{32})_([A-Za-z0-9]{32,128})$/
const hash = (secret: string) => createHash('sha256').update(secret).digest()
const newSecret = () => randomBytes(32).toString('hex')

/** API keys `phk_<id>_<secret>`. */
export class KeyRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  /**
   * Makes a key; its text is returned once and cannot be read again.
   *
   * @throws NotFoundError when its app does not exist
   */
  async create(key: NewKey): Promise<{ id: string; key: string }> {
    if (key.appId && !(await appExists(this.#pool, key.appId)))
      throw new NotFoundError('There is no such app.')
    const id = uuidv7()
    const secret = newSecret()
    await this.#insert(id, secret, key)
    return { id, key: `phk_${id.replaceAll('-', '')}_${secret}` }
  }

  /**
   * Takes a key whose text the operator chose as the first admin key of the platform. A key that is there already is
   * left as it is, so every start may call this.
   *
   * @throws ValidationError when the text is not of the form of a key
   */
  async bootstrap(text: string): Promise<void> {
    const [, hex, secret] = KEY_FORM.exec(text) ?? []
    const id = hex && canonicalUuid(hex)
    if (!id || !secret) {
      throw new ValidationError([
        {
          path: 'POSTHORN_BOOTSTRAP_KEY',
          message: 'is not an API key',
          expected: 'phk_<32 hex digits>_<32 to 128 letters and digits>',
        },
      ])
    }
    await this.#insert(id, secret, { name: 'bootstrap', role: 'admin' })
  }

  /** Who a key belongs to; undefined for one that is unknown, expired or revoked. Comparison takes constant time. */
  async identify(text: string): Promise<KeyIdentity | undefined> {
    const [, hex, secret] = KEY_FORM.exec(text) ?? []
    const id = hex && canonicalUuid(hex)
    if (!id || !secret) return undefined
    const [found] = await database(this.#pool)
      .select({ key: apiKeys, liveApp: apps.id })
      .from(apiKeys)
      .leftJoin(apps, and(eq(apps.id, apiKeys.appId), isNull(apps.deletedAt)))
      .where(eq(apiKeys.id, id))
    // The key of an app that was deleted opens nothing any more.
    const row = found && (found.key.appId === null || found.liveApp !== null) ? found.key : undefined
    if (!row || !timingSafeEqual(row.secretHash, hash(secret))) return undefined
    if (row.revokedAt || (row.expiresAt && row.expiresAt <= new Date())) return undefined
    return { id: row.id, appId: row.appId, name: row.name, role: row.role }
  }

  /** Notes that a key was used; at most once a minute is written. */
  async touch(id: string): Promise<void> {
    await database(this.#pool)
      .update(apiKeys)
      .set({ lastUsedAt: sql`now()` })
      .where(
        and(
          eq(apiKeys.id, id),
          or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, sql`now() - interval '1 minute'`)),
        ),
      )
  }

  /** Ends a key at once; false when there is no such key that is still valid. */
  async revoke(id: string): Promise<boolean> {
    const rows = await database(this.#pool)
      .update(apiKeys)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
      .returning({ id: apiKeys.id })
    return rows.length > 0
  }

  async list(): Promise<KeySummary[]> {
    return database(this.#pool).select(summaryColumns).from(apiKeys).orderBy(apiKeys.id)
  }

  async #insert(id: string, secret: string, key: NewKey): Promise<void> {
    await database(this.#pool)
      .insert(apiKeys)
      .values({
        id,
        name: key.name,
        role: key.role,
        secretHash: hash(secret),
        appId: key.appId ?? null,
        expiresAt: key.expiresAt ?? null,
      })
      .onConflictDoNothing()
  }
}

const summaryColumns = {
  id: apiKeys.id,
  appId: apiKeys.appId,
  name: apiKeys.name,
  role: apiKeys.role,
  createdAt: apiKeys.createdAt,
  expiresAt: apiKeys.expiresAt,
  revokedAt: apiKeys.revokedAt,
  lastUsedAt: apiKeys.lastUsedAt,
}
