import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCursor, parseCursor } from './cursor.ts'
import {
  between,
  contains,
  formatSnapshot,
  parseSnapshot,
  type Snapshot,
  sees,
  withSeen,
} from './snapshot.ts'

const LAST = 30n
const ids = Array.from({ length: Number(LAST) }, (_, at) => BigInt(at))

const bits = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 })

/** Two snapshots of one database, the second taken later: what was in progress may have ended, and others have begun. */
const pair: fc.Arbitrary<{ from: Snapshot; to: Snapshot }> = fc
  .record({
    a: fc.integer({ min: 0, max: 15 }),
    more: fc.integer({ min: 0, max: 14 }),
    open: bits,
    stays: bits,
  })
  .map(({ a, more, open, stays }) => {
    const early = ids.filter((id) => id < BigInt(a) && open[Number(id)])
    const late = ids.filter((id) => id >= BigInt(a) && id < BigInt(a + more) && open[Number(id)])
    return {
      from: { xmax: BigInt(a), inProgress: early },
      to: { xmax: BigInt(a + more), inProgress: [...early.filter((id) => stays[Number(id)]), ...late] },
    }
  })

const seen = (snapshot: Snapshot) => ids.filter((id) => sees(snapshot, id))

describe('a snapshot', () => {
  it('is read and written as PostgreSQL does', () => {
    for (const text of ['10:20:10,14,15', '10:10:', '9007199254740993:9007199254740995:9007199254740993']) {
      expect(formatSnapshot(parseSnapshot(text) ?? { xmax: 0n, inProgress: [] })).toBe(text)
    }
  })

  it.each(['', '1:2', '2:1:', '1:5:3,2', '1:5:2', '1:5:1,7', '1:5:1,1', 'a:b:', '1:2:1,', "1:2:1'", '-1:2:'])(
    'is not %j',
    (text) => expect(parseSnapshot(text)).toBeUndefined(),
  )

  it('contains an earlier one, and is not contained in it when it sees more', () => {
    fc.assert(
      fc.property(pair, ({ from, to }) => {
        expect(contains(to, from)).toBe(true)
        expect(contains(from, to)).toBe(seen(to).length === seen(from).length && from.xmax === to.xmax)
      }),
    )
  })

  it('between two sees what the later sees up to a transaction, and what the earlier sees after it', () => {
    fc.assert(
      fc.property(pair, fc.bigInt(0n, LAST - 1n), ({ from, to }, xid) => {
        fc.pre(xid < to.xmax)
        const middle = between(from, to, xid)
        expect(seen(middle)).toEqual(ids.filter((id) => sees(id <= xid ? to : from, id)))
        expect(parseSnapshot(formatSnapshot(middle))).toEqual(middle)
        expect(contains(middle, from) && contains(to, middle)).toBe(true)
      }),
    )
  })

  it('sees one more when it is told', () => {
    fc.assert(
      fc.property(pair, fc.bigInt(0n, LAST - 1n), ({ to }, xid) => {
        fc.pre(xid === to.xmax || to.inProgress.includes(xid))
        expect(seen(withSeen(to, xid))).toEqual([...seen(to), xid].sort((a, b) => Number(a - b)))
      }),
    )
  })
})

describe('a cursor', () => {
  it('is text and comes back', () => {
    for (const text of ['10:20:10,14', '10:20:10,14/14.7', '10:10:/10.1']) {
      expect(
        formatCursor(parseCursor(text) ?? { snapshot: { xmax: 0n, inProgress: [] }, within: null }),
      ).toBe(text)
    }
  })

  it.each(['', '10:20:10/9.1', '10:20:10/11.1', '10:20:10/10', '10:20:10 ', `10:20:${'1'.repeat(9_000)}`])(
    'is not %j',
    (text) => expect(parseCursor(text)).toBeUndefined(),
  )
})
