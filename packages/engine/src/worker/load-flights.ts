import { formatId } from '@posthorn/core'
import { type ClaimedDelivery, loadClaimed } from '@posthorn/db'
import type { QueueItem } from '@posthorn/queue'
import type pg from 'pg'
import type { Logger } from '../types.ts'
import type { EndpointCache, Target } from './endpoint-cache.ts'

interface Parts {
  readonly pool: pg.Pool
  readonly endpoints: EndpointCache
  readonly prepared: boolean
  readonly logger: Logger
}

/** What is sent for claimed rows and where to: deliveries by their id, targets by that of their endpoint. */
export async function loadFlights(
  { pool, endpoints, prepared, logger }: Parts,
  items: readonly QueueItem[],
): Promise<{ deliveries: Map<string, ClaimedDelivery>; targets: Map<string, Target> }> {
  const rows = await loadClaimed(pool, items, { prepared })
  const targets = await endpoints.get(
    new Map(rows.map((row) => [row.endpointId, row.endpointVersion])),
    (id, err) =>
      logger.error(
        { err, endpointId: formatId('ep', id) },
        'an endpoint cannot be opened; its deliveries wait',
      ),
  )
  return { deliveries: new Map(rows.map((row) => [row.id, row])), targets }
}
