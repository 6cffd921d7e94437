import { describe, expect, it } from 'vitest'
import { newNotification } from '../../test/call-support.ts'
import { foldNotifications } from './fold.ts'
import type { FoldedNotification, NewNotification } from './notification.ts'

const AT = Date.parse('2026-01-01T12:00:00Z')
const at = (seconds: number) => new Date(AT + seconds * 1_000)
/** One that tells of what happened so many seconds after noon. */
const part = (seconds: number, overrides: Partial<NewNotification> = {}) =>
  newNotification({ firstAt: at(seconds), ...overrides })

/** What is there after parts were added one by one, each by its writer; newest first. */
function added(...steps: [part: NewNotification, writer: string][]): FoldedNotification[] {
  const rows = new Map<string, FoldedNotification>()
  const newestFirst = () => [...rows.values()].sort((a, b) => (a.id > b.id ? -1 : 1))
  for (const [one, writer] of steps)
    for (const row of foldNotifications(newestFirst(), [one], writer)) rows.set(row.id, row)
  return newestFirst()
}

describe('folding notifications', () => {
  it('counts a burst as one, from its first to its last, with the last of its calls', () => {
    const [first, second, third] = [part(0), part(59, { count: 3 }), part(118)]
    const [row, ...more] = added([first, 'a'], [second, 'b'], [third, 'a'])
    expect(more).toEqual([])
    expect(row).toMatchObject({
      id: first.id,
      count: 5,
      firstAt: at(0),
      lastAt: at(118),
      callId: third.callId,
    })
  })

  it.each([
    ['another app', { appId: '0199f3d2-0000-7000-8000-000000000001' }],
    ['another capability', { capability: 'other' }],
    ['another room', { roomId: 'room-2' }],
    ['no room', { roomId: null }],
    ['another reason', { reason: 'http_5xx' }],
    ['another strategy', { strategy: 'none' }],
  ])('keeps apart what is of %s', (_, other) => {
    expect(added([part(0), 'a'], [part(1, other), 'a']).map(({ count }) => count)).toEqual([1, 1])
  })

  it('begins anew after a pause of more than a minute, and after an hour without one', () => {
    expect(added([part(0), 'a'], [part(60), 'a'])).toHaveLength(1)
    expect(added([part(0), 'a'], [part(60.001), 'a'])).toHaveLength(2)
    const hours = Array.from({ length: 140 }, (_, n): [NewNotification, string] => [part(n * 60), 'a'])
    const rows = added(...hours)
    expect(rows.map(({ count, firstAt }) => [count, firstAt])).toEqual([
      [18, at(122 * 60)],
      [61, at(61 * 60)],
      [61, at(0)],
    ])
  })

  it('takes a late one into the burst that it belongs to, and keeps what came last', () => {
    const late = part(-30)
    const last = part(10)
    const [row] = added([last, 'a'], [late, 'b'])
    expect(row).toMatchObject({ count: 2, firstAt: at(-30), lastAt: at(10), callId: last.callId })
    expect(added([part(0), 'a'], [part(-60.001), 'b'])).toHaveLength(2)
  })

  it('counts what is handed over again once, and only what it has grown by', () => {
    const first = part(0, { count: 2 })
    const grown = { ...first, count: 5, lastAt: at(4) }
    expect(added([first, 'a'], [first, 'a'])).toMatchObject([{ count: 2 }])
    expect(added([first, 'a'], [part(1), 'b'], [grown, 'a'], [first, 'a'])).toMatchObject([
      { count: 6, lastAt: at(4), callId: grown.callId },
    ])
  })

  it('counts once what is handed over again after a new burst has begun, and what lies behind what came since', () => {
    const [first, second] = [part(0, { count: 2 }), part(300)]
    expect(added([first, 'a'], [second, 'b'], [{ ...first, count: 3 }, 'a'])).toMatchObject([
      { count: 1 },
      { count: 3 },
    ])
    expect(added([first, 'a'], [second, 'a'], [first, 'a'])).toMatchObject([{ count: 1 }, { count: 2 }])
  })

  it('changes nothing that it is not told of', () => {
    const [row] = added([part(0), 'a'])
    expect(foldNotifications(row ? [row] : [], [], 'a')).toEqual([])
    expect(foldNotifications(row ? [row] : [], [part(500)], 'a')).toHaveLength(1)
  })

  it('remembers the fifty writers that added last', () => {
    const parts = Array.from({ length: 80 }, (_, n): [NewNotification, string] => [part(n / 10), `w${n}`])
    const [row] = added(...parts)
    expect(row?.count).toBe(80)
    expect(Object.keys(row?.parts ?? {}).sort()).toEqual(
      parts
        .slice(30)
        .map(([, writer]) => writer)
        .sort(),
    )
  })
})
