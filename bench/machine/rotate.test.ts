import { describe, expect, it } from 'vitest'
import { rotate } from './rotate.ts'

describe('rotate', () => {
  it('lets everybody be first once', () => {
    expect([0, 1, 2, 3].map((round) => rotate(['a', 'b', 'c'], round).join(''))).toEqual([
      'abc',
      'bca',
      'cab',
      'abc',
    ])
    expect(rotate([], 3)).toEqual([])
  })
})
