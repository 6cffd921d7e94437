import { openServicePool, type ServicePool } from '@posthorn/engine/config'
import type { IngestConfig } from './config.ts'

/** Connections of the service itself, beside the engine's: what one is used for cannot hold up the others. */
export interface IngestPools {
  /** captured events and what they become */
  readonly capture: ServicePool
  /** calls, for which somebody waits */
  readonly calls: ServicePool
  /** what people and their programs read and change: apps, manifests, approvals, notifications, records of calls */
  readonly management: ServicePool
}

const CONNECTIONS = { capture: 8, calls: 8, management: 4 }

/** Whoever waits comes again; nobody waits for a transaction that somebody leaves open. */
const LOCK_TIMEOUT_MS = 3_000

/** Opens them; each connects when it is first used. */
export function openIngestPools(config: Pick<IngestConfig, 'DATABASE_URL' | 'DIRECT_URL'>): IngestPools {
  const open = (name: keyof IngestPools) =>
    openServicePool(config, {
      max: CONNECTIONS[name],
      name: `posthorn-${name}`,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
    })
  return { capture: open('capture'), calls: open('calls'), management: open('management') }
}

/** Ends them when what uses them is over. */
export async function closeIngestPools({ capture, calls, management }: IngestPools): Promise<void> {
  await Promise.all([capture.end(), calls.end(), management.end()])
}
