import type { EventStatus } from '@posthorn/db'

/** How an event stands. One that was published is `SUCCESS` from the first; the others are of captured ones. */
export const EVENT_STATUSES = [
  ...([
    'PENDING',
    'PROCESSING',
    'SUCCESS',
    'PENDING_RETRY',
    'FAILED',
    'ERROR',
    'INVALID',
    'DUPLICATE',
  ] as const),
] satisfies EventStatus[]
