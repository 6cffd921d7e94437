import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { issuesOf } from '../problems/zod-issues.ts'

/**
 * Checks requests against the zod schemas of their routes; mistakes become a 422 that names every one. Header schemas
 * only describe: a checked object would take the place of all headers.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  if (httpPart === 'headers') return asItIs
  return (input: unknown) => {
    const parsed = schema.safeParse(input, { reportInput: true })
    if (parsed.success) return { value: parsed.data }
    return { error: new ProblemError(invalid(issuesOf(parsed.error))) }
  }
}

/** Answers are written as they are: their schemas describe them and are held to it by tests, not on every request. */
export const serializerCompiler = () => (value: unknown) => JSON.stringify(value)

const asItIs = (input: unknown) => ({ value: input })

/** For routes that read their body themselves: its schema only describes it. They take nothing but a body. */
export const bodyIsRead = { validatorCompiler: () => asItIs }
