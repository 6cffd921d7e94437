import { openServicePool, type ServicePool } from '@posthorn/engine/config'
import type { IngestConfig } from './config.ts'

const CONNECTIONS = 8

/** A sender comes again; it must not wait for a transaction that somebody leaves open. */
const LOCK_TIMEOUT_MS = 3_000

/** Connections for captured events; what is published has those of the engine. */
export function openCapturePool(config: Pick<IngestConfig, 'DATABASE_URL' | 'DIRECT_URL'>): ServicePool {
  return openServicePool(config, {
    max: CONNECTIONS,
    name: 'posthorn-ingest',
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  })
}
