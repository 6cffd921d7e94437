import { writeDurably } from './durable-write.ts'
import { encodeEvent } from './event-file.ts'
import { eventFile, REASON_SUFFIX, type Spool } from './layout.ts'
import type { Failure, SpooledEvent } from './types.ts'

/**
 * Puts an event that cannot be sent straight into `failed/`, with the reason beside it.
 * @throws what the disk throws when it cannot be written.
 */
export function putFailed(spool: Spool, event: SpooledEvent, failure: Failure): void {
  const { requestId } = event
  const reason = requestId + REASON_SUFFIX
  writeDurably(spool, reason, ['failed', reason], `${JSON.stringify(failure, null, 2)}\n`)
  writeDurably(spool, eventFile(requestId), ['failed', eventFile(requestId)], encodeEvent(spool, event))
}
