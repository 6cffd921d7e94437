import { uuidv7 } from '@posthorn/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_PAGE, type Page, type PageRequest, parsePage, toPage } from './page.ts'

interface Item {
  readonly id: string
}

/** What a query over these rows answers. */
function fetchPage(rows: readonly Item[], request: PageRequest): Page<Item> {
  const position = parsePage(request)
  const newestFirst = [...rows].sort((a, b) => (a.id < b.id ? 1 : -1))
  const { id, direction, limit } = position
  const beyond =
    direction === 'after'
      ? newestFirst.filter((row) => id === null || row.id < id)
      : newestFirst.filter((row) => id === null || row.id > id).reverse()
  return toPage(beyond.slice(0, limit + 1), position)
}

function walk(
  rows: readonly Item[],
  start: Page<Item>,
  direction: 'next' | 'prev',
  limit: number,
): Page<Item>[] {
  const pages = [start]
  for (let cursor = start[direction]; cursor !== null; cursor = pages.at(-1)?.[direction] ?? null) {
    pages.push(fetchPage(rows, { limit, cursor }))
    if (pages.length > rows.length + 2) throw new Error('the pages do not end')
  }
  return pages
}

const ids = fc
  .uniqueArray(fc.uuid({ version: 7 }), { maxLength: 40 })
  .map((list) => list.map((id) => ({ id })))
const limits = fc.integer({ min: 1, max: 12 })

describe('pages', () => {
  it('show every row once, newest first, whatever the limit, and the same backwards', () => {
    fc.assert(
      fc.property(ids, limits, (rows, limit) => {
        const sorted = rows
          .map((row) => row.id)
          .sort()
          .reverse()
        const forward = walk(rows, fetchPage(rows, { limit }), 'next', limit)
        expect(forward.flatMap((page) => page.data.map((row) => row.id))).toEqual(sorted)
        expect(forward.every((page, at) => page.data.length === limit || at === forward.length - 1)).toBe(
          true,
        )
        const last = forward.at(-1)
        const backward = last ? walk(rows, last, 'prev', limit) : []
        expect(backward.reverse().flatMap((page) => page.data.map((row) => row.id))).toEqual(sorted)
        expect(forward[0]?.prev).toBeNull()
        expect(last?.next).toBeNull()
      }),
    )
  })

  it('leave nothing out and repeat nothing when newer rows appear between two pages', () => {
    fc.assert(
      fc.property(ids, limits, (rows, limit) => {
        const first = fetchPage(rows, { limit })
        const grown = [...rows, { id: 'ffffffff-ffff-7fff-bfff-ffffffffffff' }]
        const rest =
          first.next === null
            ? []
            : walk(grown, fetchPage(grown, { limit, cursor: first.next }), 'next', limit)
        const seen = [first, ...rest].flatMap((page) => page.data.map((row) => row.id))
        expect(seen).toEqual(
          rows
            .map((row) => row.id)
            .sort()
            .reverse(),
        )
      }),
    )
  })

  it('refuse limits outside their range, naming the field', () => {
    for (const limit of [0, -1, 1.5, MAX_PAGE + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => parsePage({ limit })).toThrow(
        expect.objectContaining({ code: 'validation', issues: [expect.objectContaining({ path: 'limit' })] }),
      )
    }
    expect(parsePage({ limit: MAX_PAGE }).limit).toBe(MAX_PAGE)
    expect(parsePage({}).limit).toBe(50)
  })

  it('refuse what is no cursor, naming the field', () => {
    const encoded = (text: string) => Buffer.from(text).toString('base64url')
    for (const cursor of [
      '',
      'x',
      encoded('>'),
      encoded(`=${uuidv7()}`),
      encoded(uuidv7()),
      encoded('>not-an-id'),
      '\0',
    ]) {
      expect(() => parsePage({ cursor }), JSON.stringify(cursor)).toThrow(
        expect.objectContaining({
          code: 'validation',
          issues: [expect.objectContaining({ path: 'cursor' })],
        }),
      )
    }
  })
})
