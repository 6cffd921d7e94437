import type { Socket } from 'node:net'
import { newRequestId } from '@posthorn/core'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorFields } from '../http/error-fields.ts'
import { malformed, notFound } from './catalogue.ts'
import { problemOf } from './from-error.ts'
import { type Problem, type ProblemCode, problemDocument } from './problem.ts'

const CONTENT_TYPE = 'application/problem+json; charset=utf-8'

/** How much of a refused body is read and thrown away so that its sender gets to read the answer. */
const DRAIN_LIMIT_BYTES = 32 * 1_048_576

/** Every error of the instance is answered with a problem document; what is a fault of ours is logged. */
export function registerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply))
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, notFound('There is no such route.')))
}

/** For errors before routing, where the instance's own error handler is not asked. */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.header('x-request-id', request.id)
  answerError(error, request, reply)
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error)
  if (problem.status >= 500) {
    const level = problem.code === 'internal' ? 'error' : 'warn'
    request.log[level]({ err: errorFields(error) }, 'request failed')
  }
  return sendProblem(reply, problem)
}

/** Answers with a problem document. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  keepConnection(reply)
  if (problem.headers) reply.headers(problem.headers)
  return reply
    .code(problem.status)
    .header('content-type', CONTENT_TYPE)
    .send(JSON.stringify(problemDocument(problem, reply.request.id)))
}

/**
 * Fastify closes the connection of a body that it refuses. A sender that is still writing would then see a reset instead
 * of the answer, so a body of bounded length is let run out.
 */
function keepConnection(reply: FastifyReply): void {
  const length = Number(reply.request.headers['content-length'] ?? 0)
  if (length <= DRAIN_LIMIT_BYTES && !reply.request.headers['transfer-encoding'])
    reply.removeHeader('connection')
}

/** For what is no HTTP request at all, or did not come in time: there is only a socket to answer on. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const requestId = newRequestId()
  const problem = clientProblem(error.code)
  const body = JSON.stringify(problemDocument(problem, requestId))
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_TEXT[problem.status] ?? 'Bad Request'}\r\n` +
      `content-type: ${CONTENT_TYPE}\r\nx-request-id: ${requestId}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

function clientProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return clientFault(431, 'headers_too_large', 'The headers are too large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return clientFault(408, 'timeout', 'The request did not come in time')
  return malformed('This is not an HTTP request.')
}

const clientFault = (status: number, code: ProblemCode, title: string): Problem => ({ status, code, title })
