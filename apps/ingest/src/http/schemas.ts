import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { issuesOf } from '../problems/zod-issues.ts'

/** What the path of a mistake begins with, by the part of the request. The body's own fields stand without one. */
const PREFIXES: Readonly<Record<string, string>> = { querystring: '', params: '', headers: 'headers' }

/** Checks requests against the zod schemas of their routes; mistakes become a 422 that names every one. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const prefix = PREFIXES[httpPart ?? ''] ?? ''
  return (input: unknown) => {
    const parsed = schema.safeParse(input, { reportInput: true })
    if (parsed.success) return { value: parsed.data }
    return { error: new ProblemError(invalid(issuesOf(parsed.error, prefix))) }
  }
}

/** Answers are written as they are: their schemas describe them and are held to it by tests, not on every request. */
export const serializerCompiler = () => (value: unknown) => JSON.stringify(value)

/** For routes that read their body themselves: its schema only describes it. */
export const passThrough = {
  validatorCompiler: ({ schema, httpPart, ...rest }: Parameters<typeof validatorCompiler>[0]) =>
    httpPart === 'body'
      ? (input: unknown) => ({ value: input })
      : validatorCompiler({ schema, ...(httpPart && { httpPart }), ...rest }),
}
