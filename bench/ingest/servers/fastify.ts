import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { z } from 'zod'

const eventSchema = z.strictObject({
  type: z.string().min(1).max(200),
  payload: z.record(z.string(), z.unknown()),
})
export type EventInput = z.infer<typeof eventSchema>

/** A Fastify server that validates an event with zod and answers 202 with what `accept` returned. */
export function makeServer(
  accept: (event: EventInput, request: FastifyRequest) => Promise<string>,
): FastifyInstance {
  const server = Fastify({ logger: false, bodyLimit: 1_048_576 })
  server.post('/events', async (request, reply) => {
    const parsed = eventSchema.safeParse(request.body)
    if (!parsed.success) return reply.code(400).send({ message: parsed.error.message })
    return reply.code(202).send({ id: await accept(parsed.data, request) })
  })
  return server
}
