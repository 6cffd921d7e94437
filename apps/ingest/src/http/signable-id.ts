import type { FastifyRequest } from 'fastify'
import { invalid } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'

/**
 * The id of a request whose name apps are told: `x-platform-signature` sets what it covers apart by `.`.
 *
 * @throws ProblemError 422
 */
export function signableId({ id }: FastifyRequest): string {
  if (!id.includes('.')) return id
  throw new ProblemError(
    invalid([{ path: 'x-request-id', message: 'must not contain ".": it is signed for the app' }]),
  )
}
