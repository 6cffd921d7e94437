import { createHash } from 'node:crypto'
import { and, asc, desc, eq, gt, inArray, isNull, lt, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database, inTransaction } from '../database.ts'
import { releaseHaltedKeys } from '../deliveries/intervene.ts'
import type { Keyring } from '../keyring.ts'
import { type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { type EndpointOrigin, endpoints } from '../schema/index.ts'
import type { Endpoint, EndpointSecret, EndpointSettings } from './endpoint.ts'
import { openSecrets, sealSecrets } from './secrets.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const live = isNull(endpoints.deletedAt)
const headersContext = (id: string) => `endpoint:${id}:headers`

const columns = {
  id: endpoints.id,
  appId: endpoints.appId,
  origin: endpoints.origin,
  url: endpoints.url,
  description: endpoints.description,
  capability: endpoints.capability,
  eventTypes: endpoints.eventTypes,
  format: endpoints.format,
  headers: endpoints.headers,
  signing: endpoints.signing,
  secrets: endpoints.secrets,
  timeoutMs: endpoints.timeoutMs,
  connectTimeoutMs: endpoints.connectTimeoutMs,
  retry: endpoints.retry,
  successCodes: endpoints.successCodes,
  maxConcurrency: endpoints.maxConcurrency,
  rateLimit: endpoints.rateLimit,
  ratePeriodMs: endpoints.ratePeriodMs,
  circuit: endpoints.circuit,
  orderingOnFailure: endpoints.orderingOnFailure,
  enabled: endpoints.enabled,
  disabledReason: endpoints.disabledReason,
  pausedAt: endpoints.pausedAt,
  createdAt: endpoints.createdAt,
  updatedAt: endpoints.updatedAt,
  version: sql<number>`date_part('epoch', ${endpoints.updatedAt})`,
}

type Row = Omit<typeof endpoints.$inferSelect, 'urlSha256' | 'host' | 'deletedAt'> & { version: number }

/** What a URL is in the row of an endpoint. */
export const urlColumns = (url: string) => ({ url, urlSha256: sha256(url), host: new URL(url).host })

/** A new endpoint before it has a row. */
export interface NewEndpoint extends EndpointSettings {
  readonly id: string
  readonly appId: string
  readonly origin: EndpointOrigin
  readonly secrets: readonly EndpointSecret[]
}

async function setEndpoint(
  client: pg.Pool | pg.ClientBase,
  appId: string,
  id: string,
  set: Record<string, unknown>,
): Promise<Row | undefined> {
  const [row] = await database(client)
    .update(endpoints)
    .set({ ...set, updatedAt: sql`clock_timestamp()` })
    .where(and(eq(endpoints.appId, appId), eq(endpoints.id, id), live))
    .returning(columns)
  return row
}

/** Destinations, with their secrets and headers sealed in the database. */
export class EndpointRepository {
  readonly #pool: pg.Pool
  readonly #keyring: Keyring

  constructor(pool: pg.Pool, keyring: Keyring) {
    this.#pool = pool
    this.#keyring = keyring
  }

  async insert(endpoint: NewEndpoint): Promise<Endpoint> {
    const values = {
      ...this.#seal(endpoint.id, endpoint),
      id: endpoint.id,
      appId: endpoint.appId,
      origin: endpoint.origin,
    }
    const sealed = { ...values, secrets: this.#sealSecrets(endpoint.id, endpoint.secrets) }
    const [row] = await database(this.#pool).insert(endpoints).values(sealed).returning(columns)
    return this.#open(row as Row)
  }

  /** The endpoint that `enqueue({ url })` uses: made the first time, whoever comes first. */
  async findOrInsertByUrl(endpoint: NewEndpoint): Promise<Endpoint> {
    const db = database(this.#pool)
    const values = {
      ...this.#seal(endpoint.id, endpoint),
      id: endpoint.id,
      appId: endpoint.appId,
      origin: 'enqueue' as const,
    }
    await db
      .insert(endpoints)
      .values({ ...values, secrets: this.#sealSecrets(endpoint.id, endpoint.secrets) })
      .onConflictDoNothing()
    const [row] = await db
      .select(columns)
      .from(endpoints)
      .where(
        and(
          eq(endpoints.appId, endpoint.appId),
          eq(endpoints.urlSha256, sha256(endpoint.url)),
          eq(endpoints.origin, 'enqueue'),
          live,
        ),
      )
    return this.#open(row as Row)
  }

  async get(appId: string, id: string): Promise<Endpoint | undefined> {
    const [row] = await database(this.#pool)
      .select(columns)
      .from(endpoints)
      .where(and(eq(endpoints.appId, appId), eq(endpoints.id, id), live))
    return row && this.#open(row)
  }

  /** Endpoints by id whatever app they belong to, deleted ones too: for the worker, which serves all. */
  async load(ids: readonly string[]): Promise<Endpoint[]> {
    const rows = await database(this.#pool)
      .select(columns)
      .from(endpoints)
      .where(inArray(endpoints.id, [...ids]))
    return rows.map((row) => this.#open(row))
  }

  /** The endpoint that was made last, of whatever app; undefined when there is none. */
  async newest(): Promise<Endpoint | undefined> {
    const [row] = await database(this.#pool)
      .select(columns)
      .from(endpoints)
      .where(live)
      .orderBy(desc(endpoints.id))
      .limit(1)
    return row && this.#open(row)
  }

  async list(appId: string, request: PageRequest): Promise<Page<Endpoint>> {
    const position = parsePage(request)
    const forward = position.direction === 'after'
    const beyond = position.id && (forward ? lt(endpoints.id, position.id) : gt(endpoints.id, position.id))
    const rows = await database(this.#pool)
      .select(columns)
      .from(endpoints)
      .where(and(eq(endpoints.appId, appId), live, beyond || undefined))
      .orderBy(forward ? desc(endpoints.id) : asc(endpoints.id))
      .limit(position.limit + 1)
    return toPage(
      rows.map((row) => this.#open(row)),
      position,
    )
  }

  /** Changes it. From `halt` to `continue` its ordering keys that are halted go on. */
  async update(
    appId: string,
    id: string,
    settings: EndpointSettings & { enabled: boolean },
  ): Promise<Endpoint | undefined> {
    const set = {
      ...this.#seal(id, settings),
      enabled: settings.enabled,
      ...(settings.enabled ? { disabledReason: null } : {}),
    }
    return inTransaction(this.#pool, async (client) => {
      const [before] = await database(client)
        .select({ orderingOnFailure: endpoints.orderingOnFailure })
        .from(endpoints)
        .where(and(eq(endpoints.appId, appId), eq(endpoints.id, id), live))
        .for('update')
      const row = await setEndpoint(client, appId, id, set)
      if (before?.orderingOnFailure === 'halt' && settings.orderingOnFailure === 'continue')
        await releaseHaltedKeys(client, id)
      return row && this.#open(row)
    })
  }

  async setSecrets(
    appId: string,
    id: string,
    secrets: readonly EndpointSecret[],
  ): Promise<Endpoint | undefined> {
    return this.#change(appId, id, { secrets: this.#sealSecrets(id, secrets) })
  }

  async setPaused(appId: string, id: string, paused: boolean): Promise<Endpoint | undefined> {
    return this.#change(appId, id, { pausedAt: paused ? sql`coalesce(${endpoints.pausedAt}, now())` : null })
  }

  /** Takes an endpoint out of service because of what it answered; publishes no longer match it. */
  async disable(id: string, reason: string): Promise<void> {
    await database(this.#pool)
      .update(endpoints)
      .set({ enabled: false, disabledReason: reason, updatedAt: sql`clock_timestamp()` })
      .where(and(eq(endpoints.id, id), eq(endpoints.enabled, true)))
  }

  /** Takes an endpoint out of every list. Its live deliveries are cancelled by the worker's sweep. */
  async remove(appId: string, id: string): Promise<boolean> {
    const removed = await setEndpoint(this.#pool, appId, id, { enabled: false, deletedAt: sql`now()` })
    return removed !== undefined
  }

  async #change(appId: string, id: string, set: Record<string, unknown>): Promise<Endpoint | undefined> {
    const row = await setEndpoint(this.#pool, appId, id, set)
    return row && this.#open(row)
  }

  #seal(id: string, settings: EndpointSettings) {
    const hasHeaders = Object.keys(settings.headers).length > 0
    return {
      ...urlColumns(settings.url),
      description: settings.description,
      capability: settings.capability,
      eventTypes: settings.eventTypes,
      format: settings.format,
      headers: hasHeaders ? this.#keyring.seal(JSON.stringify(settings.headers), headersContext(id)) : null,
      signing: settings.signing,
      timeoutMs: settings.timeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      retry: settings.retry,
      successCodes: settings.successCodes,
      maxConcurrency: settings.maxConcurrency,
      rateLimit: settings.rateLimit?.limit ?? null,
      ratePeriodMs: settings.rateLimit?.periodMs ?? null,
      circuit: settings.circuit,
      orderingOnFailure: settings.orderingOnFailure,
    }
  }

  #sealSecrets(id: string, secrets: readonly EndpointSecret[]): Buffer {
    return sealSecrets(this.#keyring, 'endpoint', id, secrets)
  }

  #open(row: Row): Endpoint {
    const { rateLimit, ratePeriodMs, headers, secrets, ...rest } = row
    return {
      ...rest,
      rateLimit:
        rateLimit !== null && ratePeriodMs !== null ? { limit: rateLimit, periodMs: ratePeriodMs } : null,
      headers: headers
        ? (JSON.parse(this.#keyring.open(headers, headersContext(row.id))) as Record<string, string>)
        : {},
      secrets: openSecrets(this.#keyring, 'endpoint', row.id, secrets),
    }
  }
}
