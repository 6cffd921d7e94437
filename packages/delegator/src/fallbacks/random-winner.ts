import { createHmac, hash, randomBytes } from 'node:crypto'
import { ValidationError } from '@posthorn/core'
import { randomWinnerOptions } from './grammar.ts'
import type { FallbackRequest, FallbackStrategy } from './strategy.ts'

/** Makes a fresh seed for each draw; text of any form. */
export type SeedSource = (request: FallbackRequest) => string

/** How a winner was found, so that anybody can find it again. */
export interface Draw {
  readonly index: number
  readonly seed: string
  readonly candidateCount: number
  /** Hex SHA-256 of the candidates' JSON text. */
  readonly candidatesSha256: string
}

/** 2⁴⁸: six bytes of a digest are a number that a double holds exactly. */
const RANGE = 2 ** 48
const DIGEST_BYTES = 6

/** 256 bits of the system's generator, in hex. */
export const randomSeed: SeedSource = () => randomBytes(32).toString('hex')

/**
 * Draws one of the candidates, each with the same chance. The n-th number is made of the first six bytes of
 * HMAC-SHA256(key: seed, message: `<candidatesSha256>:<n>`), n = 0, 1, …; the first one below the largest multiple of
 * the number of candidates decides, by its remainder (so no candidate is favoured).
 *
 * @param candidates JSON values; their order matters
 * @throws TypeError without candidates
 */
export function drawWinner(candidates: readonly unknown[], seed: string): Draw {
  const candidateCount = candidates.length
  if (candidateCount === 0) throw new TypeError('there are no candidates')
  const candidatesSha256 = hash('sha256', JSON.stringify(candidates))
  const limit = RANGE - (RANGE % candidateCount)
  for (let n = 0; ; n++) {
    const number = createHmac('sha256', seed)
      .update(`${candidatesSha256}:${n}`)
      .digest()
      .readUIntBE(0, DIGEST_BYTES)
    if (number < limit) return { index: number % candidateCount, seed, candidateCount, candidatesSha256 }
  }
}

/**
 * Picks one of `payload.candidates` and answers `{ winner, index, candidateCount, seed }`. The record of the call keeps
 * the draw.
 */
export function randomWinner(seedOf: SeedSource = randomSeed): FallbackStrategy {
  return {
    name: 'random-winner',
    options: randomWinnerOptions,
    run(request) {
      const candidates = candidatesIn(request.payload)
      const draw = drawWinner(candidates, seedOf(request))
      const { index, seed, candidateCount } = draw
      return { data: { winner: candidates[index], index, candidateCount, seed }, audit: { ...draw } }
    },
  }
}

function candidatesIn(payload: unknown): readonly unknown[] {
  const candidates =
    typeof payload === 'object' && payload !== null && 'candidates' in payload
      ? payload.candidates
      : undefined
  if (!Array.isArray(candidates) || candidates.length === 0)
    throw new ValidationError([
      { path: 'payload.candidates', message: 'is not a list with at least one entry' },
    ])
  return candidates
}
