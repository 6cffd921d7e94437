import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { makeServer } from './fastify.ts'

/** The limit: the same server, validation included, that keeps nothing. */
export function makeServerWithoutDatabase(): FastifyInstance {
  return makeServer(async () => randomUUID())
}
