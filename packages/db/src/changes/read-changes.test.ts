import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../testing/index.ts'
import { type ChangeCursor, cursorAt, formatCursor, parseCursor } from './cursor.ts'
import { type Change, currentSnapshot, readChanges } from './read-changes.ts'
import { recordChanges } from './record-changes.ts'
import { sweepChanges } from './sweep-changes.ts'

const APP = '00000000-0000-7000-8000-00000000000a'
const OTHER = '00000000-0000-7000-8000-00000000000b'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ max: 20 })
})
afterAll(() => database.drop())

const here = async () => cursorAt(await currentSnapshot(database.pool))
const write = (client: pg.Pool | pg.ClientBase, names: readonly string[], appId = APP) =>
  recordChanges(
    client,
    names.map((name) => ({ appId, type: 'test', data: { name } })),
  )
const nameOf = (change: Change) => (JSON.parse(change.data) as { name: string }).name

/** Through text, as a client gives it back. */
function resumed(cursor: ChangeCursor): ChangeCursor {
  const again = parseCursor(formatCursor(cursor))
  if (!again) throw new Error(`${formatCursor(cursor)} is no cursor`)
  return again
}

async function page(after: ChangeCursor, limit = 100) {
  const found = await readChanges(database.pool, { appIds: [APP], after, limit })
  if (found.isExpired) throw new Error('expired')
  return found
}

async function open() {
  const client = await database.pool.connect()
  await client.query('begin')
  return {
    client,
    end: async (how: 'commit' | 'rollback') => {
      await client.query(how)
      client.release()
    },
  }
}

describe('readChanges', () => {
  it('gives what came since, in order, and nothing of others', async () => {
    const start = await here()
    await write(database.pool, ['a', 'b'])
    await write(database.pool, ['foreign'], OTHER)
    await write(database.pool, ['c'])
    const first = await page(start)
    expect(first.changes.map(nameOf)).toEqual(['a', 'b', 'c'])
    expect(first.isComplete).toBe(true)
    expect((await page(first.next)).changes).toEqual([])
  })

  it('finds a transaction that commits late, after later ones were given', async () => {
    const start = await here()
    const late = await open()
    await write(late.client, ['late'])
    const later = await open()
    await write(later.client, ['later'])
    await later.end('commit')
    const first = await page(start)
    expect(first.changes.map(nameOf)).toEqual(['later'])
    await late.end('commit')
    const second = await page(resumed(first.next))
    expect(second.changes.map(nameOf)).toEqual(['late'])
    expect((await page(resumed(second.next))).changes).toEqual([])
    // Whoever saw neither gets both, and whoever was cut off after the first of them the other.
    const both = await page(start)
    expect(both.changes.map(nameOf)).toEqual(['late', 'later'])
    expect((await page(resumed(both.changes[0]?.cursor ?? start))).changes.map(nameOf)).toEqual(['later'])
  })

  it('never gives what was rolled back', async () => {
    const start = await here()
    const gone = await open()
    await write(gone.client, ['gone'])
    await gone.end('rollback')
    await write(database.pool, ['stays'])
    expect((await page(start)).changes.map(nameOf)).toEqual(['stays'])
  })

  it('goes on inside of a transaction that was larger than a page', async () => {
    const start = await here()
    await write(database.pool, ['1', '2', '3', '4', '5'])
    const seen: string[] = []
    let cursor = start
    for (let pages = 0; pages < 10; pages += 1) {
      const { changes, next } = await page(resumed(cursor), 2)
      seen.push(...changes.map(nameOf))
      cursor = next
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5'])
  })

  it('gives each row exactly once, whatever commits when and wherever a reader is cut off', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          rows: fc.integer({ min: 1, max: 4 }),
          slot: fc.nat(4),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('end' as const), slot: fc.nat(4), isKept: fc.boolean() }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('read' as const),
          limit: fc.integer({ min: 1, max: 6 }),
          cut: fc.nat(6),
        }),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const slots = new Map<number, Awaited<ReturnType<typeof open>> & { names: string[] }>()
        const committed: string[] = []
        const given: string[] = []
        let cursor = await here()
        let made = 0
        const nameOfNext = () => {
          made += 1
          return String(made)
        }
        const read = async (limit: number, cut: number) => {
          const { changes, next } = await page(resumed(cursor), limit)
          const received = changes.slice(0, cut < changes.length ? cut : undefined)
          given.push(...received.map(nameOf))
          cursor = received.length < changes.length ? (received.at(-1)?.cursor ?? cursor) : next
          return changes.length
        }
        const end = async (slot: number, isKept: boolean) => {
          const transaction = slots.get(slot)
          if (!transaction) return
          slots.delete(slot)
          await transaction.end(isKept ? 'commit' : 'rollback')
          if (isKept) committed.push(...transaction.names)
        }
        for (const one of steps) {
          if (one.kind === 'write') {
            const transaction = slots.get(one.slot) ?? { ...(await open()), names: [] }
            slots.set(one.slot, transaction)
            const names = Array.from({ length: one.rows }, () => nameOfNext())
            await write(transaction.client, names)
            transaction.names.push(...names)
          } else if (one.kind === 'end') await end(one.slot, one.isKept)
          else await read(one.limit, one.cut)
        }
        for (const slot of [...slots.keys()]) await end(slot, true)
        for (let quiet = 0; quiet < 3; ) quiet = (await read(3, 100)) === 0 ? quiet + 1 : 0
        expect(given.toSorted()).toEqual(committed.toSorted())
      }),
      { numRuns: 40 },
    )
  })
})

describe('the end of what is kept', () => {
  it('is told to whoever has not seen what was removed, and to nobody else', async () => {
    const before = await here()
    await write(database.pool, ['old'])
    const held = await open()
    await write(held.client, ['held'])
    const after = (await page(before)).next
    await sweepChanges(database.pool, 3_600_000)
    expect((await page(before)).changes.map(nameOf)).toEqual(['old'])
    // The mark is some milliseconds old: with so short a term it has come.
    await expect.poll(() => sweepChanges(database.pool, 1)).toBeGreaterThan(0)
    expect(await readChanges(database.pool, { appIds: [APP], after: before, limit: 10 })).toMatchObject({
      isExpired: true,
    })
    // A transaction that was open all the time is new to those who watch, and so is kept for them.
    await held.end('commit')
    expect((await page(after)).changes.map(nameOf)).toEqual(['held'])
  })
})
