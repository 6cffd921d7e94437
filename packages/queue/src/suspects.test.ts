import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Suspects } from './suspects.ts'

const maxClaims = 10

interface Row {
  readonly id: number
  readonly isLethal: boolean
  claims: number
}

/** What becomes of rows when everything due is claimed at once and the worker dies before anything else ends. */
function run(rows: readonly Row[], claimsOf: (due: readonly Row[]) => readonly Row[]) {
  const done = new Set<Row>()
  const poisoned = new Set<Row>()
  let suspects = new Suspects(maxClaims)
  let deaths = 0
  for (let turns = 0; done.size + poisoned.size < rows.length; turns++) {
    if (turns > 10_000) throw new Error('it does not end')
    const claimed = claimsOf(rows.filter((row) => !done.has(row) && !poisoned.has(row)))
    for (const row of claimed) row.claims += 1
    const items = claimed.map((row) => ({ row, leaseToken: `${row.id}-${turns}`, claimCount: row.claims }))
    const { admitted, putOff } = suspects.admit(items)
    for (const { row } of putOff) row.claims -= 1
    const worked = admitted.filter(({ row }) => row.claims <= maxClaims)
    for (const { row } of admitted) if (row.claims > maxClaims) poisoned.add(row)
    if (worked.some(({ row }) => row.isLethal)) {
      deaths += 1
      suspects = new Suspects(maxClaims)
    } else {
      for (const item of worked) {
        done.add(item.row)
        suspects.ended(item)
      }
    }
  }
  return { done, poisoned, deaths }
}

const rowsOf = (lethal: readonly boolean[]): Row[] =>
  lethal.map((isLethal, id) => ({ id, isLethal, claims: 0 }))

describe('suspects', () => {
  it('lets everything pass that was lost a few times only', () => {
    const items = Array.from({ length: 500 }, (_, n) => ({ leaseToken: `${n}`, claimCount: 1 + (n % 3) }))
    expect(new Suspects(maxClaims).admit(items)).toEqual({ admitted: items, putOff: [] })
  })

  it.each([
    [4, 16],
    [5, 8],
    [6, 4],
    [7, 2],
    [8, 1],
    [9, 1],
    [10, 1],
  ])('works suspects of %i claims %i at a time', (claimCount, atATime) => {
    const items = Array.from({ length: 40 }, (_, n) => ({ leaseToken: `${n}`, claimCount }))
    const suspects = new Suspects(maxClaims)
    const { admitted, putOff } = suspects.admit(items)
    expect([admitted.length, putOff.length]).toEqual([atATime, 40 - atATime])
    expect(suspects.admit(putOff).admitted).toEqual([])
    for (const item of admitted) suspects.ended(item)
    expect(suspects.admit(putOff).admitted).toHaveLength(atATime)
  })

  it('works nothing beside a suspect that is alone, save what is no suspect', () => {
    const suspects = new Suspects(maxClaims)
    suspects.admit([{ leaseToken: 'most', claimCount: 9 }])
    const [fresh, suspect, over] = [1, 4, 11].map((claimCount) => ({
      leaseToken: `${claimCount}`,
      claimCount,
    }))
    if (!fresh || !suspect || !over) throw new Error('three rows')
    expect(suspects.admit([fresh, suspect, over])).toEqual({ admitted: [fresh, over], putOff: [suspect] })
  })

  it('poisons one row that kills its worker, after ten deaths, and none that was claimed with it', () => {
    const order = fc.array(fc.nat(), { minLength: 60, maxLength: 60 })
    const everything = fc.property(fc.nat(59), order, (at, keys) => {
      const rows = rowsOf(keys.map((_, id) => id === at))
      const sorted = [...rows].sort((a, b) => (keys[a.id] ?? 0) - (keys[b.id] ?? 0))
      const { done, poisoned, deaths } = run(rows, (due) => sorted.filter((row) => due.includes(row)))
      expect([...poisoned]).toEqual([rows[at]])
      expect([done.size, deaths]).toEqual([59, maxClaims])
    })
    fc.assert(everything, { numRuns: 100 })
  })

  it('poisons several such rows that came together, and no other', () => {
    const flags = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 })
    const everything = fc.property(flags, (lethal) => {
      const rows = rowsOf(lethal)
      const { poisoned } = run(rows, (due) => due)
      expect([...poisoned].toSorted((a, b) => a.id - b.id)).toEqual(rows.filter((row) => row.isLethal))
    })
    fc.assert(everything, { numRuns: 200 })
  })

  it('comes to an end however many such rows come one after the other', () => {
    const flags = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 })
    const everything = fc.property(flags, fc.integer({ min: 1, max: 40 }), (lethal, width) => {
      const rows = rowsOf(lethal)
      const { done, poisoned } = run(rows, (due) => due.slice(0, width))
      expect([...done].filter((row) => row.isLethal)).toEqual([])
      expect(done.size + poisoned.size).toBe(rows.length)
    })
    fc.assert(everything, { numRuns: 200 })
  })
})
