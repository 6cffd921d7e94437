/**
 * SQL for what is announced of a dead letter, over a row with its columns. It is put into the statements that make or end
 * dead letters, so that each is announced with its own commit.
 *
 * @param source name of the rows; what it says has happened to them
 */
export function deadLetterChange(source: 'buried' | 'requeued' | 'discarded'): string {
  const shown = (prefix: string, column: string) =>
    `'${prefix}_' || replace(${source}.${column}::text, '-', '')`
  const state = source === 'buried' ? 'open' : source
  return (
    `jsonb_build_object('id', ${shown('dl', 'id')}, 'state', '${state}', 'reason', ${source}.reason, ` +
    `'deliveryId', ${shown('dlv', 'delivery_id')}, 'eventId', ${shown('evt', 'event_id')}, ` +
    `'endpointId', ${shown('ep', 'endpoint_id')})`
  )
}
