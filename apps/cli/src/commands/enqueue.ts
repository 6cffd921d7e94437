import { createPosthorn, type EnqueueInput, rawJson } from '@posthorn/engine'
import { posthornOptions } from '@posthorn/engine/config'
import { libraryConfig } from '../client/library-access.ts'
import { EXIT, type ExitCode, usageError } from '../terminal/exit-codes.ts'
import type { Output } from '../terminal/output.ts'
import { parseJsonOption, readArgument } from './payload.ts'

/** Options of `posthorn enqueue`, as they were typed. */
export interface EnqueueOptions {
  readonly url: string
  readonly payload: string
  readonly type?: string
  readonly idempotencyKey?: string
  readonly maxAttempts?: number
  readonly scheduledAt?: string
  readonly orderingKey?: string
  readonly header: readonly string[]
  readonly metadata?: string
  readonly dataDir: string
}

/** `posthorn enqueue`: one event for one URL, written to the database; a worker delivers it. */
export async function enqueue(options: EnqueueOptions, output: Output): Promise<ExitCode> {
  const input = await inputOf(options)
  await using posthorn = createPosthorn(posthornOptions(await libraryConfig(options.dataDir)))
  const accepted = await posthorn.enqueue(input)
  await posthorn.wake()
  const [deliveryId = ''] = accepted.deliveryIds
  output.result(
    accepted,
    accepted.duplicate
      ? `enqueued before as ${accepted.eventId}; nothing new is delivered`
      : `enqueued ${accepted.eventId}, delivery ${deliveryId}`,
  )
  return EXIT.ok
}

async function inputOf(options: EnqueueOptions): Promise<EnqueueInput> {
  const json = await readArgument(options.payload)
  parseJsonOption('--payload', json)
  const { url, type, idempotencyKey, maxAttempts, scheduledAt, orderingKey } = options
  return {
    url,
    payload: rawJson(json),
    ...(type !== undefined && { type }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(scheduledAt !== undefined && { scheduledAt }),
    ...(orderingKey !== undefined && { orderingKey }),
    ...(options.header.length > 0 && { headers: Object.fromEntries(options.header.map(headerOf)) }),
    ...(options.metadata !== undefined && { metadata: objectOf('--metadata', options.metadata) }),
  }
}

function headerOf(text: string): [name: string, value: string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw usageError(`--header ${text} is not of the form "name: value".`)
  return [name, value]
}

function objectOf(option: string, text: string): Record<string, unknown> {
  const value = parseJsonOption(option, text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw usageError(`${option} is not a JSON object.`)
}
