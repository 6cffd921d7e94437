import { describe, expect, it } from 'vitest'
import { stage } from '../../test/delegators.ts'
import { answered } from '../../test/fake-dispatcher.ts'

describe('more calls than may wait for one app', () => {
  it('have their fallback without asking it, until there is room', async () => {
    const { delegator, time, dispatcher } = stage([{ afterMs: 100, result: answered(1) }], {
      options: { maxOpenPerApp: 2 },
    })
    const call = () => delegator.call('app', 'quiz_answer', 1)
    const results = await time.run(Promise.all([call(), call(), call()]))
    expect(results.map(({ outcome, reason }) => reason ?? outcome)).toEqual(['ok', 'ok', 'overloaded'])
    expect(results[2]).toMatchObject({ source: 'static', attempts: 0 })
    expect(dispatcher.requests).toHaveLength(2)
    expect(await time.run(call())).toMatchObject({ outcome: 'ok' })
  })
})
