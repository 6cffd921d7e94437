import type { QueueTable } from '@posthorn/queue'

/** The queue of captured events whose projection is not over. */
export const PROJECTION_QUEUE: QueueTable = {
  schema: 'posthorn',
  name: 'projection_queue',
  groupColumn: 'app_id',
  groupType: 'uuid',
}
