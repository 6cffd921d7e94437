import { type IdPrefix, parseId } from '@posthorn/core'
import { MAX_PAGE } from '@posthorn/db'
import { z } from 'zod'
import { notFound } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/** Text that PostgreSQL can keep and compare: no NUL, no half of a surrogate pair. */
export const text = (max: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(max, `must be at most ${max} characters long`)
    .refine((value) => !value.includes('\0'), 'must not contain NUL')
    .refine((value) => isWellFormed(value), 'must be well-formed Unicode')

/** A whole number in a range. */
export const whole = (min: number, max: number) =>
  z.int(`must be a whole number`).min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)

/** A moment in ISO 8601, with its zone. */
export const moment = z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time with a zone' })

/** An id where it is a filter: one that cannot be an id is a mistake, named like any other. */
export const idText = (prefix: IdPrefix) =>
  z
    .string()
    .refine((value) => parseId(prefix, value) !== undefined, `must be an id, ${prefix}_<32 hex digits>`)

/** The `:id` of a path. What cannot be an id names nothing; see {@link pathId}. */
export const idParams = z.object({ id: z.string() })

/** @throws ProblemError 404: an id that cannot be one names nothing */
export function pathId(prefix: IdPrefix, noun: string, value: string): string {
  uuidOf(prefix, noun, value)
  return value
}

/**
 * The UUID of an id in a path.
 *
 * @throws ProblemError 404: an id that cannot be one names nothing
 */
export function uuidOf(prefix: IdPrefix, noun: string, value: string): string {
  const uuid = parseId(prefix, value)
  if (uuid === undefined) throw new ProblemError(notFound(`There is no such ${noun}.`))
  return uuid
}

/** For routes that are told nothing: no body, or an empty object as some clients send. */
export const noBody = z.strictObject({}).nullish()

/** What every list takes. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,4}$/, `must be a whole number from 1 to ${MAX_PAGE}`)
    .transform(Number)
    .refine((value) => value >= 1 && value <= MAX_PAGE, `must be a whole number from 1 to ${MAX_PAGE}`)
    .optional()
    .describe(`how many, at most ${MAX_PAGE} (50)`),
  cursor: z.string().max(200).optional().describe('`next` or `prev` of an earlier page'),
}

/** A page of a list. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), next: z.string().nullable(), prev: z.string().nullable() })

/** An object without the fields that are undefined: what is absent and what is undefined differ for the engine's types. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

function isWellFormed(value: string): boolean {
  return !/\p{Surrogate}/u.test(value)
}
