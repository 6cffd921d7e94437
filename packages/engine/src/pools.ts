import pg from 'pg'
import type { PosthornOptions } from './types.ts'

/** Connections by what may wait for them. */
export interface Pools {
  /** the caller's pool, or ours: for reading */
  readonly main: pg.Pool
  /** small, ours alone: what must go on when callers hold every connection of theirs */
  readonly own: pg.Pool
  /** ours alone: grouped inserts, with a short `lock_timeout` */
  readonly intake: pg.Pool
  /** ours alone: claims, completions, heartbeats */
  readonly work: pg.Pool
  /** for a connection that stays: undefined where there is a pooler */
  readonly listen: pg.ClientConfig | undefined
  readonly migration: pg.ClientConfig
  close(): Promise<void>
}

const INTAKE_LOCK_TIMEOUT_MS = 100
const CONNECT_TIMEOUT_MS = 5_000

/**
 * The hot statements are planned once for each connection, often on empty tables: a plan that scans a table because it
 * was small then would be kept when it is large.
 */
export const HOT_SETTINGS = {
  enable_seqscan: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
} as const

/**
 * Opens what the engine needs. Pools connect when they are first used: a process that only enqueues holds few.
 */
export function openPools(options: PosthornOptions): Pools {
  const { connectionString, pool } = options
  const config: pg.ClientConfig = pool ? connectionOf(pool) : { connectionString }
  const open = (max: number, more: pg.PoolConfig = {}) => {
    const opened = new pg.Pool({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, max, ...more })
    // An idle connection that the server ends is replaced at the next use; whoever uses one gets the error itself.
    opened.on('error', () => undefined)
    // So is one that is cut while it is checked out between two statements: the next statement fails. Without a listener
    // the event would end the process.
    opened.on('connect', (client) => client.on('error', () => undefined))
    return opened
  }
  // A pooler in transaction mode would hand such settings on to others.
  const settled = options.listen ?? true
  const own = open(2)
  const work = open(
    6,
    settled ? { onConnect: async (client) => void (await client.query(setStatement(HOT_SETTINGS))) } : {},
  )
  const intake = open(4, {
    onConnect: async (client) => {
      const settings = { lock_timeout: INTAKE_LOCK_TIMEOUT_MS, ...(settled && HOT_SETTINGS) }
      await client.query(setStatement(settings))
    },
  })
  const main = pool ?? open(5)
  const ours = [own, work, intake, ...(pool ? [] : [main])]
  return {
    main,
    own,
    intake,
    work,
    listen: settled ? config : undefined,
    migration: config,
    close: async () => {
      await Promise.all(ours.map((each) => each.end()))
    },
  }
}

const setStatement = (settings: Readonly<Record<string, string | number>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `set ${name} = ${value}`)
    .join('; ')

/** How a pool of the caller's connects, without what makes it a pool. */
function connectionOf(pool: pg.Pool): pg.ClientConfig {
  const { host, port, user, password, database, connectionString, ssl, application_name, keepAlive } =
    pool.options
  const known = { host, port, user, password, database, connectionString, ssl, application_name, keepAlive }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}
