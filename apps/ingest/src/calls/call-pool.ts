import { openServicePool, type ServicePool } from '@posthorn/engine/config'
import type { IngestConfig } from '../config.ts'

const CONNECTIONS = 8

/** Somebody waits for a call: it must not wait for a transaction that somebody leaves open. */
const LOCK_TIMEOUT_MS = 3_000

/** Connections for calls alone, so that none of them waits for events, and no event for them. */
export function openCallPool(config: Pick<IngestConfig, 'DATABASE_URL' | 'DIRECT_URL'>): ServicePool {
  return openServicePool(config, {
    max: CONNECTIONS,
    name: 'posthorn-calls',
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  })
}
