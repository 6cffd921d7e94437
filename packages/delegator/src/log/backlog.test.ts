import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attempt, call, notification } from '../../test/records.ts'
import { Backlog, type BacklogLimits, batchOf, type Chunk } from './backlog.ts'
import type { CallAttempt, CallLogBatch } from './call-log.ts'

const LIMITS = { maxKept: 1_000, maxBytes: 1_000_000, maxTaken: 10, maxTakenBytes: 1_000_000 }

const backlogOf = (more: Partial<BacklogLimits> = {}) => new Backlog({ ...LIMITS, ...more })

function take(backlog: Backlog): Chunk {
  const chunk = backlog.take(backlog.newest)
  if (chunk === undefined) throw new Error('nothing waits')
  return chunk
}

/** Takes and writes until nothing waits. */
function drain(backlog: Backlog): CallLogBatch[] {
  const batches: CallLogBatch[] = []
  for (let chunk = backlog.take(backlog.newest); chunk; chunk = backlog.take(backlog.newest)) {
    batches.push(batchOf(chunk))
    backlog.written(chunk)
  }
  return batches
}

const response = (size: number): Partial<CallAttempt> => ({
  ...{ responseBody: 'b'.repeat(size), responseHeaders: { x: 'y' } },
})

describe('Backlog', () => {
  it('gives the oldest of all kinds first, and leaves what came later than it is told', () => {
    const backlog = backlogOf({ maxTaken: 3 })
    backlog.addAttempt(attempt('a1'))
    backlog.add('calls', call('c1'))
    backlog.addNotification(notification('r1'))
    backlog.addAttempt(attempt('a2'))
    const through = backlog.newest
    backlog.add('calls', call('c2'))
    expect(batchOf(take(backlog))).toMatchObject({
      ...{ attempts: [{ id: 'a1' }], calls: [{ id: 'c1' }], notifications: [{ id: 'n-r1' }] },
    })
    expect(backlog.take(through)).toMatchObject({ attempts: [{ record: { id: 'a2' } }], calls: [] })
    expect(backlog.take(through)).toBeUndefined()
  })

  it('takes no more bytes at once than it may, but one record always', () => {
    const backlog = backlogOf({ maxTakenBytes: 10_000 })
    for (const size of [20_000, 3_000, 3_000, 3_000]) backlog.addAttempt(attempt('a', response(size)))
    expect(drain(backlog).map(({ attempts }) => attempts.length)).toEqual([1, 2, 1])
  })

  it('lets go of the oldest responses before any record, also of what was put back', () => {
    const backlog = backlogOf({ maxBytes: 21_500, maxTaken: 2 })
    for (const id of ['1', '2', '3', '4']) backlog.addAttempt(attempt(id, response(4_000)))
    const chunk = take(backlog)
    backlog.addAttempt(attempt('5', response(4_000)))
    expect(backlog.losses).toEqual({ responses: 1 })
    backlog.putBack(chunk)
    backlog.addAttempt(attempt('6', response(4_000)))
    expect(backlog.takeLosses()).toEqual({ responses: 2 })
    const attempts = drain(backlog).flatMap((batch) => batch.attempts)
    expect(attempts.map(({ id, responseBody }) => [id, responseBody?.length])).toEqual([
      ...[
        ['1', undefined],
        ['2', 4_000],
        ['3', undefined],
        ['4', 4_000],
        ['5', 4_000],
        ['6', 4_000],
      ],
    ])
    expect(attempts[0]).toMatchObject({ responseHeaders: null, responseTruncated: true, status: 500 })
  })

  it('lets go of calls and attempts before a notification that tells of them', () => {
    const backlog = backlogOf({ maxBytes: 10_000 })
    backlog.addNotification(notification('r1'))
    for (let n = 0; n < 100; n++) {
      backlog.add('calls', call(String(n), { audit: { seed: 's'.repeat(1_000) } }))
      backlog.addNotification(notification('r1'))
    }
    const { calls: lost = 0 } = backlog.takeLosses()
    const [batch] = drain(backlog)
    expect(batch?.notifications).toMatchObject([{ count: 101 }])
    expect(batch?.calls.map(({ id }) => Number(id))).toEqual(
      Array.from({ length: 100 - lost }, (_, n) => n + lost),
    )
    expect(lost).toBeGreaterThan(90)
  })

  it('bounds what it keeps of notifications by bytes as well', () => {
    const backlog = backlogOf({ maxBytes: 100_000 })
    for (let n = 0; n < 100; n++) backlog.addNotification(notification(`${n}`.padEnd(5_000)))
    const kept = backlog.size
    expect(kept).toBeLessThan(20)
    expect(backlog.losses).toEqual({ notifications: 100 - kept })
  })

  it('does not count on while a notification is being written, but again when that failed', () => {
    const backlog = backlogOf()
    backlog.addNotification(notification('r1', { id: '1' }))
    const first = take(backlog)
    expect(first.notifications).toMatchObject([{ record: { id: '1', count: 1 } }])
    backlog.putBack(first)
    backlog.addNotification(notification('r1', { id: '2' }))
    const second = take(backlog)
    expect(second.notifications).toMatchObject([{ record: { id: '1', count: 2 } }])
    backlog.addNotification(notification('r1', { id: '3' }))
    backlog.putBack(second)
    backlog.addNotification(notification('r1', { id: '4' }))
    expect(drain(backlog)).toMatchObject([
      {
        notifications: [
          { id: '1', count: 2 },
          { id: '3', count: 2 },
        ],
      },
    ])
  })

  it('is not held up by an audit without an end', () => {
    const audit: Record<string, unknown> = {}
    Object.assign(audit, { one: audit, two: audit })
    const backlog = backlogOf()
    backlog.add('calls', call('1', { audit }))
    expect(backlog.size).toBe(1)
  })

  it('keeps order and bounds, and knows of each record what became of it', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('attempt' as const), size: fc.nat(3_000) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('call' as const), size: fc.nat(500) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constantFrom('write' as const, 'fail' as const), size: fc.nat(9) }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const backlog = backlogOf({ maxKept: 30, maxBytes: 40_000, maxTaken: 7 })
        const written: string[] = []
        let added = 0
        for (const { do: what, size } of steps) {
          const id = String(++added).padStart(4, '0')
          if (what === 'attempt') backlog.addAttempt(attempt(id, size > 100 ? response(size) : {}))
          else if (what === 'call') backlog.add('calls', call(id, { message: 'm'.repeat(size) }))
          else added--
          if (what === 'attempt' || what === 'call') continue
          const chunk = backlog.take(backlog.newest)
          if (chunk === undefined) continue
          backlog.addAttempt(attempt(String(++added).padStart(4, '0'), response(size * 100)))
          if (what === 'fail') backlog.putBack(chunk)
          else {
            const { calls, attempts } = batchOf(chunk)
            written.push(...[...calls, ...attempts].map(({ id: one }) => one).sort())
            backlog.written(chunk)
          }
        }
        expect(backlog.waiting.attempts).toBeLessThanOrEqual(30)
        const left = drain(backlog)
        expect(left.every((batch) => batch.calls.length + batch.attempts.length <= 7)).toBe(true)
        expect(JSON.stringify(left).length).toBeLessThan(60_000)
        for (const { calls, attempts } of left) {
          written.push(...[...calls, ...attempts].map(({ id }) => id).sort())
        }
        expect(written).toEqual(written.toSorted())
        const { calls = 0, attempts = 0 } = backlog.losses
        expect(written.length + calls + attempts).toBe(added)
      }),
    )
  })
})
