import { describe, expect, it } from 'vitest'
import { ClaimCursor, type ClaimNote } from './claim-cursor.ts'

const nil = '00000000-0000-0000-0000-000000000000'
const note = (more: Partial<ClaimNote> = {}): ClaimNote => ({
  now: '2026-01-01T00:00:10.123456+00:00',
  since: 'since',
  aged: null,
  gone: null,
  oldest: null,
  group: null,
  key: null,
  ...more,
})

describe('ClaimCursor', () => {
  it('looks at everything first, and again each second', () => {
    let now = 0
    const cursor = new ClaimCursor('text', () => now)
    const first = cursor.next()
    expect(first).toMatchObject({ floor: '-infinity', reaps: true, since: nil, slow: [] })
    cursor.learn(first, note())
    now = 999
    expect(cursor.next()).toMatchObject({ floor: '2026-01-01T00:00:09.123Z', reaps: false, since: 'since' })
    now = 1000
    expect(cursor.next()).toMatchObject({ floor: '-infinity', reaps: true, since: 'since' })
    now = 10_000
    expect(cursor.next()).toMatchObject({ floor: '-infinity', reaps: true, since: nil })
  })

  it('looks at a wide window for a second after one group crowded it', () => {
    let now = 0
    const cursor = new ClaimCursor('text', () => now)
    expect(cursor.next().wide).toBe(false)
    cursor.learn(cursor.next(), note({ group: 'a' }))
    now = 999
    expect(cursor.next().wide).toBe(true)
    cursor.learn(cursor.next(), note())
    now = 1000
    expect(cursor.next().wide).toBe(false)
    cursor.learn(cursor.next(), note({ key: ['a', 'k'] }))
    expect(cursor.next().wide).toBe(true)
  })

  it('gives full looks a fifth of the time at most', () => {
    let now = 0
    const cursor = new ClaimCursor('text', () => now)
    const first = cursor.next()
    now = 700
    cursor.learn(first, note(), 700)
    now = 700 + 3499
    expect(cursor.next().reaps).toBe(false)
    now = 700 + 3500
    expect(cursor.next().reaps).toBe(true)
  })

  it('knows old leases by their tokens, and counts them anew in a whole look', () => {
    let now = 0
    const cursor = new ClaimCursor('text', () => now)
    cursor.learn(cursor.next(), note({ aged: ['a', 'b'] }))
    const second = cursor.next()
    expect(second.slow).toEqual(['a', 'b'])
    cursor.learn(second, note({ aged: ['c'], gone: ['a'] }))
    expect(cursor.next().slow).toEqual(['b', 'c'])
    now = 10_000
    const whole = cursor.next()
    expect(whole.slow).toEqual([])
    cursor.learn(whole, note({ aged: ['c'] }))
    expect(cursor.next().slow).toEqual(['c'])
  })

  it('starts at the oldest row that was seen, rounded down, but a second back at most', () => {
    const cursor = new ClaimCursor('text', () => 0)
    const first = cursor.next()
    cursor.learn(first, note({ oldest: '2026-01-01T00:00:05.000999+00:00' }))
    expect(cursor.next().floor).toBe('2026-01-01T00:00:05.000Z')
    cursor.learn(first, note({ oldest: '2026-01-01T00:00:10.000001+00:00' }))
    expect(cursor.next().floor).toBe('2026-01-01T00:00:09.123Z')
  })

  it('looks at everything when it was told to forget', () => {
    const cursor = new ClaimCursor('text', () => 0)
    cursor.learn(cursor.next(), note())
    expect(cursor.next().floor).not.toBe('-infinity')
    cursor.forget()
    expect(cursor.next().floor).toBe('-infinity')
  })

  it('goes round the groups, and alternates between two ways round the keys', () => {
    const cursor = new ClaimCursor('uuid', () => 0)
    const zero = '00000000-0000-0000-0000-000000000000'
    const first = cursor.next()
    expect(first).toMatchObject({ groupStart: zero, keyGroupStart: zero, keyStart: '', deep: false })
    cursor.learn(first, note({ group: 'g7', key: ['g8', 'wide'] }))
    const second = cursor.next()
    expect(second).toMatchObject({ groupStart: 'g7', keyGroupStart: zero, deep: true })
    cursor.learn(second, note({ key: ['g9', 'deep'] }))
    expect(cursor.next()).toMatchObject({
      groupStart: 'g7',
      keyGroupStart: 'g8',
      keyStart: 'wide',
      deep: false,
    })
  })
})
