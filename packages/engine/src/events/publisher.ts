import {
  err,
  formatId,
  ok,
  PosthornError,
  parseTraceparent,
  type Result,
  uuidv7,
  ValidationError,
} from '@posthorn/core'
import {
  type Acceptance,
  acceptEvents,
  asIntakeError,
  type Endpoint,
  fingerprint,
  keyMismatch,
  type NewEvent,
  typePatterns,
} from '@posthorn/db'
import { parseCustomHeaders } from '@posthorn/dispatcher'
import type { z } from 'zod'
import type { EnqueueEndpoints } from '../endpoints/enqueue-endpoints.ts'
import { requestIdOf } from '../ids.ts'
import type { Sealer } from '../sealer.ts'
import type { Accepted, EnqueueInput, PublishContext, PublishInput, WriteOptions } from '../types.ts'
import { parseInput } from '../validation.ts'
import { enqueueSchema, publishSchema } from './input.ts'
import type { EventIntake } from './intake.ts'
import { payloadText } from './raw-json.ts'
import { clientOf } from './transaction.ts'

type Draft = z.output<typeof publishSchema>

/** Turns what a caller hands in into rows: validated whole before any database is touched. */
export class Publisher {
  readonly #intake: EventIntake
  readonly #endpoints: EnqueueEndpoints
  readonly #sealer: Sealer
  readonly #onAccepted: (appId: string) => void

  /** @param parts.onAccepted is told of each event that was committed; of none inside a caller's transaction */
  constructor(parts: {
    intake: EventIntake
    endpoints: EnqueueEndpoints
    sealer: Sealer
    onAccepted: (appId: string) => void
  }) {
    this.#intake = parts.intake
    this.#endpoints = parts.endpoints
    this.#sealer = parts.sealer
    this.#onAccepted = parts.onAccepted
  }

  async publish(
    appId: string,
    input: PublishInput,
    options: WriteOptions & { context?: PublishContext },
  ): Promise<Accepted> {
    return this.#write(this.#draft(appId, input, options.context ?? {}), options)
  }

  async publishMany(
    appId: string,
    inputs: readonly PublishInput[],
    context: PublishContext,
  ): Promise<Result<Accepted, PosthornError>[]> {
    return Promise.all(
      inputs.map(async (input) => {
        try {
          return ok(await this.#write(this.#draft(appId, input, context), {}))
        } catch (error) {
          // One item that goes wrong must not hide what became of the others.
          return err(
            PosthornError.is(error)
              ? error
              : new PosthornError('internal', 'The event could not be taken.', { cause: error }),
          )
        }
      }),
    )
  }

  async enqueue(
    appId: string,
    input: EnqueueInput,
    options: WriteOptions & { context?: PublishContext },
  ): Promise<Accepted> {
    if (options.tx) clientOf(options.tx)
    const { url, endpointId, idempotencyKey, ...rest } = parseInput(enqueueSchema, input)
    const draft = { ...rest, ...(idempotencyKey !== undefined && { requestId: idempotencyKey }) }
    const event = this.#event(appId, draft, options.context ?? {}, url ?? endpointId ?? null)
    const finding =
      endpointId === undefined
        ? this.#endpoints.byUrl(appId, url ?? '')
        : this.#endpoints.byId(appId, endpointId)
    const endpoint = await finding.catch((error: unknown) => {
      throw asIntakeError(error)
    })
    if (endpoint.origin === 'manifest') assertSignable(event.requestId)
    return this.#write({ ...event, patterns: [], target: targetOf(endpoint, draft.maxAttempts) }, options)
  }

  #draft(appId: string, input: PublishInput, context: PublishContext): NewEvent {
    return this.#event(appId, parseInput(publishSchema, input), context, null)
  }

  #event(appId: string, draft: Draft, context: PublishContext, url: string | null): NewEvent {
    const id = uuidv7()
    const payload = payloadText(draft.payload)
    const headers = draft.headers && parseCustomHeaders(draft.headers, 'headers')
    if (headers && !headers.ok) throw new ValidationError(headers.error)
    const scheduledAt = draft.scheduledAt ?? null
    const orderingKey = draft.orderingKey ?? null
    const sessionId = draft.sessionId ?? null
    const key = draft.requestId ?? null
    return {
      id,
      appId,
      source: context.source ?? 'library',
      key,
      fingerprint:
        key === null
          ? ''
          : fingerprint({ eventType: draft.type, payload, sessionId, scheduledAt, orderingKey, url }),
      requestId: key ?? context.httpRequestId ?? null,
      traceId: parseTraceparent(context.traceparent)?.traceId ?? null,
      eventType: draft.type,
      sessionId,
      payload,
      headers: context.headers ?? null,
      ipAddress: context.ipAddress ?? null,
      metadata: draft.metadata ?? null,
      scheduledAt,
      orderingKey,
      deliveryHeaders: headers ? this.#sealer.sealDeliveryHeaders(headers.value).toString('base64') : null,
      maxAttempts: draft.maxAttempts ?? null,
      patterns: typePatterns(draft.type),
      target: null,
    }
  }

  async #write(event: NewEvent, options: WriteOptions): Promise<Accepted> {
    const { eventId, deliveryIds, duplicate } = options.tx
      ? await writeInCallersTransaction(event, options)
      : await this.#intake.accept(event)
    if (!options.tx && !duplicate) this.#onAccepted(event.appId)
    return {
      eventId: formatId('evt', eventId),
      deliveryIds: deliveryIds.map((id) => formatId('dlv', id)),
      duplicate,
      requestId: requestIdOf(eventId, event.requestId),
    }
  }
}

/** @throws ValidationError: `x-platform-signature` sets what it covers apart by `.` */
function assertSignable(requestId: string | null): void {
  if (!requestId?.includes('.')) return
  throw new ValidationError([
    { path: 'idempotencyKey', message: 'must not contain "." for an endpoint of a manifest' },
  ])
}

async function writeInCallersTransaction(event: NewEvent, options: WriteOptions): Promise<Acceptance> {
  const client = clientOf(options.tx)
  try {
    // Unnamed: a named statement would stay on a connection that is not ours.
    const [answer] = await acceptEvents(client, [event], {
      wake: options.notify === 'in-tx',
      prepared: false,
    })
    if (!answer || !('eventId' in answer)) throw keyMismatch()
    return answer
  } catch (error) {
    throw asIntakeError(error)
  }
}

function targetOf(endpoint: Endpoint, maxAttempts: number | undefined): NewEvent['target'] {
  return {
    endpointId: endpoint.id,
    maxAttempts: maxAttempts ?? endpoint.retry.maxAttempts,
    maxAgeMs: endpoint.retry.maxAgeMs,
  }
}
