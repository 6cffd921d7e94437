import { describe, expect, it } from 'vitest'
import { ClaimCursor, type ClaimNote } from './claim-cursor.ts'

const note = (more: Partial<ClaimNote> = {}): ClaimNote => ({
  now: '2026-01-01T00:00:10.123456+00:00',
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
    expect(first).toMatchObject({ floor: '-infinity', reapFloor: '-infinity' })
    cursor.learn(first, note())
    now = 999
    expect(cursor.next()).toMatchObject({ floor: '2026-01-01T00:00:09.123Z', reapFloor: undefined })
    now = 1000
    expect(cursor.next()).toMatchObject({ floor: '-infinity', reapFloor: '2026-01-01T00:00:00.123Z' })
    now = 30_000
    expect(cursor.next().reapFloor).toBe('-infinity')
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
    expect(cursor.next()).toMatchObject({ groupStart: 'g7', keyGroupStart: 'g8', keyStart: 'wide', deep: false })
  })
})
