import type { ServicePool } from '@posthorn/engine/config'

/**
 * What cuts every open connection of a pool, also those that wait for an answer. Statements that had not ended are rolled
 * back by the server, and whoever waited for one gets an error.
 */
export function severing(pool: ServicePool): () => void {
  const open = new Set<{ end(): Promise<void> }>()
  pool.on('connect', (client) => open.add(client))
  pool.on('remove', (client) => open.delete(client))
  return () => {
    for (const client of open) void client.end().catch(() => undefined)
  }
}
