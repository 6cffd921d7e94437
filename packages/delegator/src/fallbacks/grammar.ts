import { z } from 'zod'
import { jsonMistake } from '../answer/json-depth.ts'
import type { FallbackGrammar } from './strategy.ts'

/** `none` is no strategy: the call fails with an error. */
export const NO_FALLBACK = 'none'

/** What a manifest may say of `none`: nothing. */
export const noFallbackOptions = z
  .object({})
  .meta({ description: 'Nothing answers: the call fails with an error.' })

const DAY_MS = 86_400_000

/** Any JSON that is not nested too deeply to be printed again. */
const json = z.unknown().superRefine((value, context) => {
  const mistake = jsonMistake(value)
  if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake })
})

const durationMs = (most: number, unset: number) => {
  const message = `must be a whole number of milliseconds from 1 to ${most}`
  return z.int(message).min(1, message).max(most, message).default(unset)
}

export const staticOptions = z
  .object({ data: json.optional().meta({ description: 'The answer; `null` unless given.' }) })
  .meta({ description: 'Answers what the manifest says.' })

export const randomWinnerOptions = z.object({}).meta({
  description:
    'Draws one of `payload.candidates`, and answers `{ winner, index, candidateCount, seed }`; the draw can be checked.',
})

export const pendingApprovalOptions = z
  .object({
    expiresIn: durationMs(30 * DAY_MS, 3 * DAY_MS).meta({
      description: 'Milliseconds in which a person may decide.',
    }),
  })
  .meta({ description: "Leaves it to a person, and answers `{ status: 'pending', approvalId, expiresAt }`." })

export const lastGoodOptions = z
  .object({
    maxAge: durationMs(30 * DAY_MS, DAY_MS).meta({
      description: 'The greatest age of an answer that is used, in milliseconds.',
    }),
    scope: z.enum(['payload', 'capability'], 'must be payload or capability').default('payload').meta({
      description:
        '`payload`: the last answer to the same payload. `capability`: the last answer to any, for answers that do not depend on who asks.',
    }),
    data: json
      .optional()
      .meta({ description: 'The answer while there is no good one yet; `null` unless given.' }),
  })
  .meta({ description: 'Answers what the app answered last, and says how old that is.' })

/** What a manifest may say of the strategies that are built in. */
export const BUILT_IN_GRAMMARS: readonly FallbackGrammar[] = [
  { name: 'static', options: staticOptions },
  { name: 'last-good', options: lastGoodOptions },
  { name: 'random-winner', options: randomWinnerOptions },
  { name: 'pending-approval', options: pendingApprovalOptions },
]
