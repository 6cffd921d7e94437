import { generateEncryptionKey } from '@posthorn/db'
import { createTestDatabase, type TestDatabase } from '@posthorn/db/testing'
import { createReceiver, type Receiver } from '@posthorn/testing'
import type pg from 'pg'
import { expect } from 'vitest'
import {
  createPosthorn,
  type DeliveryDetail,
  type EndpointInput,
  type EndpointView,
  type Logger,
  type Posthorn,
  type PosthornOptions,
} from '../src/index.ts'

export const LOOPBACK = ['127.0.0.0/8']
/** For waiting on a condition: long enough for any machine, and never waited out when things work. */
export const PATIENCE = { timeout: 30_000, interval: 20 }

type Script = Parameters<Receiver['route']>[1]

/** An endpoint that one test has for itself. */
export interface OwnEndpoint {
  readonly path: string
  readonly type: string
  readonly endpoint: EndpointView
}

/** A database, a receiver and as many engines as a test opens; all closed together. */
export interface World extends AsyncDisposable {
  readonly db: TestDatabase
  readonly receiver: Receiver
  readonly encryptionKeys: string
  /** an engine over the database, which may reach the receiver */
  open(options?: Partial<PosthornOptions>): Posthorn
  /** makes an endpoint at a path of its own that answers by this script, and a type that reaches it alone */
  endpoint(posthorn: Posthorn, script: Script, input?: Partial<EndpointInput>): Promise<OwnEndpoint>
  close(): Promise<void>
}

export async function createWorld(): Promise<World> {
  const [db, receiver] = await Promise.all([createTestDatabase(), createReceiver()])
  const encryptionKeys = generateEncryptionKey()
  const engines: Posthorn[] = []
  let paths = 0
  const close = async () => {
    await receiver.close()
    await Promise.all(engines.map((engine) => engine.stop({ graceMs: 3_000 })))
    await db.drop()
  }
  return {
    db,
    receiver,
    encryptionKeys,
    open(options = {}) {
      const source = options.pool || options.connectionString ? {} : { connectionString: db.url }
      const engine = createPosthorn({
        encryptionKeys,
        allowedCidrs: LOOPBACK,
        timeoutMs: 5_000,
        pollIntervalMs: 20,
        ...source,
        ...options,
      })
      engines.push(engine)
      return engine
    },
    async endpoint(posthorn, script, input = {}) {
      paths += 1
      const [path, type] = [`/${paths}`, `t${paths}`]
      receiver.route(path, script)
      const endpoint = await posthorn.endpoints.create({
        url: receiver.url(path),
        eventTypes: [type],
        ...input,
      })
      return { path, type, endpoint }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Publishes so many events of a type at once; tells their deliveries. */
export async function publishMany(posthorn: Posthorn, type: string, n: number): Promise<string[]> {
  const answers = await posthorn.publishMany(Array.from({ length: n }, (_, at) => ({ type, payload: at })))
  return answers.flatMap((answer) => (answer.ok ? answer.value.deliveryIds : []))
}

/** Waits until a delivery has come to this status, and tells all about it. */
export async function untilStatus(
  posthorn: Posthorn,
  id: string | undefined,
  status: DeliveryDetail['status'],
): Promise<DeliveryDetail> {
  const get = () => posthorn.deliveries.get(id ?? '')
  await expect.poll(async () => (await get()).status, PATIENCE).toBe(status)
  return get()
}

/** Waits until nothing is queued any more. */
export const untilQueueEmpty = (db: TestDatabase): Promise<void> =>
  expect.poll(() => queued(db), PATIENCE).toBe(0)

/** Deliveries that are not over; with a status, those in it. */
export async function queued(db: TestDatabase, status?: string): Promise<number> {
  return count(db.pool, `delivery_queue where $1::text is null or status = $1`, [status ?? null])
}

/** Rows of a table of Posthorn's. */
export async function count(
  client: pg.Pool | pg.ClientBase,
  from: string,
  values: unknown[] = [],
): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int as n from posthorn.${from}`,
    values,
  )
  return rows[0]?.n ?? 0
}

/** Does something with a connection inside an open transaction; the caller ends it. */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  isolation = 'read committed',
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query(`begin isolation level ${isolation}`)
    return await work(client)
  } finally {
    await client.query('rollback').catch(() => undefined)
    client.release()
  }
}

/** Something that is told from outside when to go on. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: () => resolve() }
}

/** A logger that keeps what it was told. */
export function keepingLogger(): Logger & {
  readonly lines: { level: string; message: string; fields: object }[]
} {
  const lines: { level: string; message: string; fields: object }[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
