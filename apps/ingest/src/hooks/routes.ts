import { type Capture, type CaptureResult, parseClientReport } from '@posthorn/conversations'
import { parseTraceparent } from '@posthorn/core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { callerOf } from '../auth/hook.ts'
import { addressOf, keptHeaders } from '../events/context.ts'
import type { EventMetrics } from '../events/event-metrics.ts'
import { bodyBytes } from '../http/body.ts'
import { nameAfterEvent } from '../http/request-id.ts'
import { bodyIsRead } from '../http/schemas.ts'
import { ProblemError } from '../problems/problem.ts'
import { captureAnswer, captureAnswerSchema, invalidEvent } from './answer.ts'
import { ProjectionLoad } from './load.ts'

export interface HookRoutesOptions {
  readonly capture: Pick<Capture, 'accept'>
  readonly bodyLimit: number
  readonly metrics: EventMetrics
  /** projections under way at once; what comes on top is stored only */
  readonly maxProjecting: number
  /** whether answers show the stack of an error: never in production */
  readonly showStacks: boolean
  /** tells those who follow that something changed */
  readonly changed: () => void
}

const CLIENT_HEADER = 'x-posthorn-hook-client'
/** Headers that are kept with a captured event beside those of every event. None of them carries a credential. */
const KEPT_HEADERS = ['x-retry-attempt', 'x-captured-at'] as const

const description =
  'The JSON that the tool gives its hooks, or the older `{ event, timestamp, sessionId, data }`. It is on disk before it is ' +
  'looked at. 200 with what it has become; 202 where that is still to come; 422 where it is invalid: it is kept, and sent ' +
  'again it would be no better. The same request id again gets the first result with `duplicate: true`. A hook of type ' +
  '`http`, which names no request, is answered `{}`.'

const headers = z.object({
  'x-request-id': z.string().optional().describe('names the event; else `requestId` of the body'),
  'x-captured-at': z
    .string()
    .optional()
    .describe(
      'when it happened, ISO 8601; one that cannot be read does not count, and the event says so in `metadata.ignored`',
    ),
  'x-retry-attempt': z.string().optional().describe('which try of its sender this is'),
  [CLIENT_HEADER]: z
    .string()
    .optional()
    .describe('JSON of the hook client: its backlog, and what it dropped since it exists'),
})

/** `POST /api/v1/hooks/claude-code`, and the same under the name it had before. */
export function registerHooks(app: FastifyInstance, options: HookRoutesOptions): void {
  const load = new ProjectionLoad(options.maxProjecting)
  const handler = (request: FastifyRequest, reply: FastifyReply) => take(request, reply, options, load)
  const route = {
    config: { access: 'publish', rawBody: true },
    bodyLimit: options.bodyLimit,
    ...bodyIsRead,
  } as const
  app.post(
    '/api/v1/hooks/claude-code',
    {
      ...route,
      schema: {
        summary: 'Capture an event of Claude Code',
        description,
        tags: ['capture'],
        headers,
        body: z.looseObject({ hook_event_name: z.string().optional(), session_id: z.string().optional() }),
        response: { 200: captureAnswerSchema, 202: captureAnswerSchema },
      },
    },
    handler,
  )
  app.post('/api/claude-hooks', { ...route, schema: { hide: true } }, handler)
}

async function take(
  request: FastifyRequest,
  reply: FastifyReply,
  { capture, metrics, showStacks, changed }: HookRoutesOptions,
  load: ProjectionLoad,
) {
  const { appId } = callerOf(request)
  const report = textHeader(request, CLIENT_HEADER)
  try {
    const result = await load.run((project) =>
      capture.accept({
        appId,
        body: bodyBytes(request),
        requestId: textHeader(request, 'x-request-id'),
        capturedAt: textHeader(request, 'x-captured-at'),
        traceId: parseTraceparent(textHeader(request, 'traceparent') ?? undefined)?.traceId ?? null,
        headers: keptHeaders(request, KEPT_HEADERS),
        ipAddress: addressOf(request.ip) ?? null,
        client: parseClientReport(report),
        project,
      }),
    )
    changed()
    nameAfterEvent(request, reply, result.requestId)
    if (result.status === 'INVALID') throw new ProblemError(invalidEvent(result))
    metrics.count(result.duplicate ? 'duplicate' : 'accepted')
    if (report === null && isToolsOwn(result)) return {}
    const { status, body } = captureAnswer(result, showStacks)
    return reply.code(status).send(body)
  } catch (error) {
    metrics.count('rejected')
    throw error
  }
}

/** Sent by the tool itself, which takes nothing but its own kind of answer: `{}` says that there is nothing to say. */
function isToolsOwn({ isNamed, isOlderFormat, hookEventName }: CaptureResult): boolean {
  return !isNamed && !isOlderFormat && hookEventName !== null
}

function textHeader(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}
