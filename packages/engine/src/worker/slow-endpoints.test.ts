import { describe, expect, it } from 'vitest'
import { SlowEndpoints } from './slow-endpoints.ts'

describe('SlowEndpoints', () => {
  let now = 0
  const create = () => {
    now = 10_000
    return new SlowEndpoints(() => now)
  }

  it('finds an endpoint that hangs without any history', () => {
    const slow = create()
    for (let n = 0; n < 16; n += 1) slow.started('hangs')
    expect(slow.look()).toEqual({ ids: [], inFlight: 0 })
    now += 501
    slow.started('fresh')
    expect(slow.look()).toEqual({ ids: ['hangs'], inFlight: 16 })
  })

  it('does not take a busy endpoint for one that hangs', () => {
    const slow = create()
    for (let n = 0; n < 100; n += 1) {
      slow.started('busy')
      slow.started('busy')
      now += 300
      slow.ended('busy', 300)
      expect(slow.look().ids).toEqual([])
    }
  })

  it('remembers latency, and forgets it when the endpoint has become quick', () => {
    const slow = create()
    slow.started('a')
    slow.ended('a', 5_000)
    expect(slow.look()).toEqual({ ids: ['a'], inFlight: 0 })
    for (let n = 0; n < 20; n += 1) {
      slow.started('a')
      slow.ended('a', 10)
    }
    expect(slow.look().ids).toEqual([])
  })

  it('counts back to nothing', () => {
    const slow = create()
    slow.started('a')
    slow.ended('a', undefined)
    now += 10_000
    expect(slow.look()).toEqual({ ids: [], inFlight: 0 })
  })
})
