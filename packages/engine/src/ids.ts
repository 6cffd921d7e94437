import { formatId, type IdPrefix, NotFoundError, parseId } from '@posthorn/core'

const NOUNS: Partial<Record<IdPrefix, string>> = { evt: 'event', dlv: 'delivery', ep: 'endpoint', app: 'app' }

/** @throws NotFoundError: an id that cannot be one names nothing */
export function idOrNotFound(prefix: IdPrefix, text: string): string {
  const id = parseId(prefix, text)
  if (!id) throw new NotFoundError(`There is no such ${NOUNS[prefix] ?? 'thing'}.`)
  return id
}

/** What an event is called where its sender gave it no name. */
export function requestIdOf(eventId: string, requestId: string | null): string {
  return requestId ?? formatId('req', eventId)
}

export const idOrNull = (prefix: IdPrefix, uuid: string | null): string | null =>
  uuid === null ? null : formatId(prefix, uuid)

export const isoOrNull = (date: Date | null): string | null => date?.toISOString() ?? null
