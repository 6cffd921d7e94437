import { describe, expect, it } from 'vitest'
import { LaunchLimit } from './launch-limit.ts'

/** A process whose event loop is active for `share` of each look's 20 ms. */
function processOf() {
  const time = { active: 0, idle: 0 }
  let now = 0
  const limit = new LaunchLimit(
    () => ({ ...time }),
    () => now,
  )
  limit.of(512)
  return {
    limit,
    pass: (share: number) => {
      time.active += 20 * share
      time.idle += 20 * (1 - share)
      now += 20
    },
  }
}

describe('LaunchLimit', () => {
  it('rises to the slots while the process has time to spare', () => {
    const { limit, pass } = processOf()
    const seen = [0, 1, 2, 3].map(() => {
      pass(0.1)
      return limit.of(512)
    })
    expect(seen.at(-1)).toBe(512)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })

  it('shrinks while there is none, but keeps the process busy', () => {
    const { limit, pass } = processOf()
    for (let look = 0; look < 5; look += 1) {
      pass(0)
      limit.of(512)
    }
    expect(limit.of(512)).toBe(512)
    pass(1)
    expect(limit.of(512)).toBe(384)
    for (let look = 0; look < 20; look += 1) {
      pass(1)
      limit.of(512)
    }
    expect(limit.of(512)).toBe(64)
  })

  it('never allows more than there are slots, and looks at most each 20 ms', () => {
    const { limit, pass } = processOf()
    pass(0)
    expect(limit.of(10)).toBe(10)
    const before = limit.of(512)
    expect(limit.of(512)).toBe(before)
  })
})
