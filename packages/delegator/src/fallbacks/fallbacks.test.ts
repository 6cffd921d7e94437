import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { stage } from '../../test/delegators.ts'
import { answered, failed } from '../../test/fake-dispatcher.ts'
import { drawWinner, type FallbackRequest, type FallbackStrategy, MemoryApprovalStore } from '../index.ts'

const down = { afterMs: 7, result: failed('http_5xx', 'retryable', { status: 503 }) }
const choose = (strategy: string, options: Record<string, unknown> = {}) => ({
  fallback: { strategy, options },
})

function custom(run: FallbackStrategy['run'], name = 'custom'): FallbackStrategy {
  return { name, options: z.object({}), run }
}

describe('static', () => {
  it('answers what the manifest says, else null', async () => {
    for (const [options, data] of [
      [{ data: [1] }, [1]],
      [{}, null],
    ] as const) {
      const { delegator, time } = stage([down], { capability: choose('static', options) })
      const result = await time.run(delegator.call('app', 'quiz_answer', 1))
      expect(result).toMatchObject({
        outcome: 'fallback',
        source: 'static',
        data,
        reason: 'http_5xx',
        attempts: 1,
      })
      expect(result.message).toBe('It failed')
    }
  })
})

describe('random-winner', () => {
  it('draws one of the candidates in a way that can be checked', async () => {
    const { delegator, time, log } = stage([down], {
      capability: choose('random-winner'),
      options: { seed: ({ callId }) => `seed of ${callId}` },
    })
    const candidates = [{ id: 1 }, { id: 2 }, { id: 3 }]
    const { data, source } = await time.run(delegator.call('app', 'quiz_answer', { candidates }))
    await time.run(delegator.close())
    const seed = `seed of ${log.calls[0]?.id}`
    const draw = drawWinner(candidates, seed)
    expect(source).toBe('random-winner')
    expect(data).toEqual({ winner: candidates[draw.index], index: draw.index, candidateCount: 3, seed })
    expect(log.calls[0]?.audit).toEqual(draw)
  })

  it.each([[{}], [null], [{ candidates: [] }], [{ candidates: 'Ada' }]])(
    'without candidates in %j is an incident, answers null, and says why',
    async (payload) => {
      const { delegator, time, log } = stage([down], { capability: choose('random-winner') })
      const result = await time.run(delegator.call('app', 'quiz_answer', payload))
      expect(result).toMatchObject({ outcome: 'fallback', source: 'static', data: null, reason: 'http_5xx' })
      expect(result.message).toMatch(
        /; the fallback random-winner failed as well: payload.candidates: is not a list with at least one entry$/,
      )
      await time.run(delegator.close())
      expect(log.incidents).toMatchObject([
        { kind: 'fallback', capability: 'quiz_answer', callId: log.calls[0]?.id },
      ])
    },
  )
})

describe('pending-approval', () => {
  it('leaves the call to a person', async () => {
    const approvals = new MemoryApprovalStore()
    const { delegator, time, log } = stage([down], {
      capability: choose('pending-approval', { expiresIn: 60_000 }),
      options: { approvals },
    })
    const context = { roomId: 'r1', by: 'ada' }
    const result = await time.run(delegator.call('app', 'quiz_answer', { name: 'Ada' }, { context }))
    const [approval] = approvals.list()
    expect(approval).toMatchObject({ appId: 'app', payloadText: '{"name":"Ada"}', context })
    expect(approval && approval.expiresAt.getTime() - approval.createdAt.getTime()).toBe(60_000)
    const approvalId = `apr_${approval?.id.replaceAll('-', '')}`
    expect(result).toMatchObject({
      source: 'pending-approval',
      data: { status: 'pending', approvalId, expiresAt: approval?.expiresAt.toISOString() },
    })
    await time.run(delegator.close())
    expect(log.calls[0]).toMatchObject({ id: approval?.callId, audit: { approvalId } })
  })

  it('whose store is silent is given up in time', async () => {
    const { delegator, time, log } = stage([down], {
      capability: choose('pending-approval'),
      options: { approvals: { create: () => new Promise(() => {}) } },
    })
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ source: 'static', data: null, durationMs: 1_400 })
    await time.run(delegator.close())
    expect(log.incidents[0]?.message).toBe('the fallback pending-approval failed: it took too long')
  })
})

describe('last-good', () => {
  const good = { afterMs: 1, result: answered({ rate: 5 }) }

  it('answers what the app said last to the same payload, with its age', async () => {
    const { delegator, time } = stage([good, down], { capability: choose('last-good') })
    await time.run(delegator.call('app', 'quiz_answer', { zip: 1 }))
    time.advance(10_000)
    expect(await time.run(delegator.call('app', 'quiz_answer', { zip: 1 }))).toMatchObject({
      ...{ outcome: 'fallback', source: 'last-good', data: { rate: 5 }, ageMs: 10_007, reason: 'http_5xx' },
    })
    expect(await time.run(delegator.call('app', 'quiz_answer', { zip: 2 }))).toMatchObject({
      ...{ outcome: 'fallback', source: 'static', data: null },
    })
  })

  it('answers to any payload if that is its scope', async () => {
    const options = { scope: 'capability' }
    const { delegator, time } = stage([good, down], { capability: choose('last-good', options) })
    await time.run(delegator.call('app', 'quiz_answer', { zip: 1 }))
    expect(await time.run(delegator.call('app', 'quiz_answer', { zip: 2 }))).toMatchObject({
      data: { rate: 5 },
    })
  })

  it('forgets what is too old, and then answers what the manifest says', async () => {
    const options = { maxAge: 1_000, data: { rate: 9 } }
    const { delegator, time } = stage([good, down], { capability: choose('last-good', options) })
    await time.run(delegator.call('app', 'quiz_answer', 1))
    time.advance(1_000)
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ source: 'static', data: { rate: 9 } })
    expect(result.ageMs).toBeUndefined()
  })

  it('whose cache is broken answers null, and good answers are not held up by it', async () => {
    const cache = {
      get: () => Promise.reject(new Error('no cache')),
      set: () => Promise.reject(new Error('no cache')),
    }
    const { delegator, time, log } = stage([good, down], {
      capability: choose('last-good'),
      options: { cache },
    })
    expect(await time.run(delegator.call('app', 'quiz_answer', 1))).toMatchObject({ outcome: 'ok' })
    expect(await time.run(delegator.call('app', 'quiz_answer', 1))).toMatchObject({
      source: 'static',
      data: null,
    })
    await time.run(delegator.close())
    expect(log.incidents.map(({ kind }) => kind)).toEqual(['cache', 'fallback'])
  })
})

describe('a strategy of the operator', () => {
  it('is told about the call, and answers with its own name and audit', async () => {
    const seen: FallbackRequest[] = []
    const strategy = custom((request) => {
      seen.push(request)
      return { data: 42, audit: { how: 'guessed' } }
    })
    const { delegator, time, log } = stage([down], {
      capability: choose('custom'),
      options: { strategies: [strategy] },
    })
    const result = await time.run(
      delegator.call('app', 'quiz_answer', { a: 1 }, { context: { roomId: 'r1' } }),
    )
    expect(result).toMatchObject({ source: 'custom', data: 42 })
    expect(seen).toMatchObject([
      {
        ...{ appId: 'app', endpointId: 'app/quiz_answer', capability: 'quiz_answer', payload: { a: 1 } },
        ...{ payloadText: '{"a":1}', context: { roomId: 'r1' }, reason: 'http_5xx', budgetMs: 1_393 },
      },
    ])
    expect(seen[0]?.signal.aborted).toBe(true)
    await time.run(delegator.close())
    expect(log.calls[0]?.audit).toEqual({ how: 'guessed' })
  })

  it.each<[string, FallbackStrategy['run']]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['answers nothing', () => undefined as never],
    ['hangs', () => new Promise(() => {})],
  ])('that %s is an incident, never an error', async (_, run) => {
    const { delegator, time, log } = stage([down], {
      capability: choose('custom'),
      options: { strategies: [custom(run)] },
    })
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ outcome: 'fallback', source: 'static', data: null, reason: 'http_5xx' })
    await time.run(delegator.close())
    expect(log.incidents).toMatchObject([{ kind: 'fallback' }])
    expect(log.calls).toMatchObject([{ fallback: 'custom', source: 'static' }])
  })

  it('may take the place of a built-in one', async () => {
    const strategies = [custom(() => ({ data: 'mine' }), 'static')]
    const { delegator, time } = stage([down], { options: { strategies } })
    expect(await time.run(delegator.call('app', 'quiz_answer', 1))).toMatchObject({
      data: 'mine',
      source: 'static',
    })
  })

  it.each(['none', 'Static', 'a_b', ''])('must not be called %j', (name) => {
    const strategies = [custom(() => ({ data: 1 }), name)]
    expect(() => stage([down], { options: { strategies } })).toThrow('strategies[0].name')
  })

  it('that there is not is an incident', async () => {
    const { delegator, time, log } = stage([down], { capability: choose('gone') })
    expect(await time.run(delegator.call('app', 'quiz_answer', 1))).toMatchObject({
      source: 'static',
      data: null,
    })
    await time.run(delegator.close())
    expect(log.incidents[0]?.message).toBe('the fallback gone failed: there is no such strategy')
  })
})

describe('an app whose record cannot be read', () => {
  it.each([
    ['in time', () => new Promise<never>(() => {}), 1_000],
    ['at all', () => Promise.reject(new Error('no database')), 0],
  ])('%s has the fallback of its capability by configuration', async (_, find, tookMs) => {
    const { delegator, time, log } = stage([], { options: { apps: { find } } })
    const result = await time.run(delegator.call('app', 'winner_selection', { candidates: ['a'] }))
    expect(result).toMatchObject({
      source: 'random-winner',
      reason: 'unavailable',
      data: { winner: 'a' },
      durationMs: tookMs,
    })
    await time.run(delegator.close())
    expect(log.incidents).toMatchObject([{ kind: 'apps' }])
    expect(log.calls).toMatchObject([{ endpointId: null }])
  })
})

describe('each use of a fallback', () => {
  it('tells the organizer of the room, once for a burst', async () => {
    const { delegator, time, log } = stage([down])
    const calls = Array.from({ length: 4 }, (_, n) =>
      delegator.call('app', 'quiz_answer', n, { context: { roomId: n < 3 ? 'r1' : 'r2' } }),
    )
    await time.run(
      Promise.all([...calls, delegator.call('app', 'quiz_answer', 9, { context: { roomId: 7 } })]),
    )
    await time.run(delegator.close())
    expect(log.notifications.map(({ roomId, count }) => [roomId, count])).toEqual([
      ['r1', 3],
      ['r2', 1],
      [null, 1],
    ])
    expect(log.notifications[0]).toMatchObject({
      appId: 'app',
      capability: 'quiz_answer',
      reason: 'http_5xx',
      strategy: 'static',
    })
  })
})
