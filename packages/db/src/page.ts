import { canonicalUuid, ValidationError } from '@posthorn/core'
import { asc, desc, gt, lt, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

export const MAX_PAGE = 200

/** Which part of a list: at most `limit` rows after (or before) a cursor that an earlier page gave. */
export interface PageRequest {
  readonly limit?: number
  readonly cursor?: string
}

/** Rows newest first, with opaque cursors to the neighbouring pages; null where there is none. */
export interface Page<T> {
  readonly data: T[]
  readonly next: string | null
  readonly prev: string | null
}

/** A cursor taken apart: rows on one side of an id. */
export interface Position {
  readonly limit: number
  readonly direction: 'after' | 'before'
  readonly id: string | null
}

/** @throws ValidationError naming `cursor` or `limit` */
export function parsePage(request: PageRequest): Position {
  const limit = request.limit ?? 50
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new ValidationError([
      { path: 'limit', message: 'is out of range', expected: `an integer from 1 to ${MAX_PAGE}` },
    ])
  }
  if (request.cursor === undefined) return { limit, direction: 'after', id: null }
  const text = Buffer.from(request.cursor, 'base64url').toString()
  const id = canonicalUuid(text.slice(1))
  if (!id || !(text.startsWith('>') || text.startsWith('<'))) {
    throw new ValidationError([
      { path: 'cursor', message: 'is not a cursor of this list', expected: 'a cursor from an earlier page' },
    ])
  }
  return { limit, direction: text.startsWith('>') ? 'after' : 'before', id }
}

/** The parts of a query for a page in the order of ids: which rows lie beyond the cursor, and how they are sorted. */
export function byId(column: PgColumn, position: Position): { beyond: SQL | undefined; order: SQL } {
  const forward = position.direction === 'after'
  return {
    beyond: position.id === null ? undefined : forward ? lt(column, position.id) : gt(column, position.id),
    order: forward ? desc(column) : asc(column),
  }
}

/**
 * Makes a page of rows fetched with `limit + 1`, in the order of the query: newest first for `after`, oldest first for
 * `before`.
 */
export function toPage<T extends { readonly id: string }>(rows: readonly T[], position: Position): Page<T> {
  const more = rows.length > position.limit
  const data = rows.slice(0, position.limit)
  if (position.direction === 'before') data.reverse()
  const [first, last] = [data[0], data.at(-1)]
  const hasNext = position.direction === 'after' ? more : position.id !== null
  const hasPrev = position.direction === 'after' ? position.id !== null : more
  return {
    data,
    next: hasNext && last ? encodeCursor('>', last.id) : null,
    prev: hasPrev && first ? encodeCursor('<', first.id) : null,
  }
}

/** The cursor of what comes after an id (`>`), or before it (`<`), in the order of a list. */
export const encodeCursor = (mark: '>' | '<', id: string): string =>
  Buffer.from(mark + id).toString('base64url')
