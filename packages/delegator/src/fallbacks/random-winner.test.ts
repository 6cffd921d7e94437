import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawWinner, randomSeed } from './random-winner.ts'

describe('drawWinner', () => {
  it('can be found again by anybody who knows seed and candidates', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { minLength: 1, maxLength: 50 }),
        fc.string(),
        (candidates, seed) => {
          const draw = drawWinner(candidates, seed)
          expect(drawWinner(structuredClone(candidates), seed)).toEqual(draw)
          // The recipe as it is documented, without the code.
          const digest = createHash('sha256').update(JSON.stringify(candidates)).digest('hex')
          const first = createHmac('sha256', seed).update(`${digest}:0`).digest('hex').slice(0, 12)
          const number = Number.parseInt(first, 16)
          if (number < 2 ** 48 - (2 ** 48 % candidates.length))
            expect(draw.index).toBe(number % candidates.length)
          expect(draw).toMatchObject({ seed, candidateCount: candidates.length, candidatesSha256: digest })
        },
      ),
    )
  })

  it('favours nobody', () => {
    const wins = [0, 0, 0, 0, 0, 0, 0]
    const draws = 14_000
    for (let n = 0; n < draws; n++) {
      const { index } = drawWinner([1, 2, 3, 4, 5, 6, 7], `seed ${n}`)
      wins[index] = (wins[index] ?? 0) + 1
    }
    const expected = draws / wins.length
    const chiSquare = wins.reduce((sum, won) => sum + (won - expected) ** 2 / expected, 0)
    // 6 degrees of freedom: 22.5 is passed by chance once in a thousand sets of seeds, and these are fixed.
    expect(chiSquare).toBeLessThan(22.5)
  })

  it('depends on the order of the candidates and on each of them', () => {
    const draws = [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'c'],
    ].map((list) => drawWinner(list, 's').candidatesSha256)
    expect(new Set(draws).size).toBe(3)
  })

  it('needs candidates', () => {
    expect(() => drawWinner([], 's')).toThrow('there are no candidates')
  })
})

describe('randomSeed', () => {
  it('is 256 bits, each time others', () => {
    const seeds = Array.from({ length: 100 }, () => randomSeed({} as never))
    expect(new Set(seeds).size).toBe(100)
    for (const seed of seeds) expect(seed).toMatch(/^[0-9a-f]{64}$/)
  })
})
