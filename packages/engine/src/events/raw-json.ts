import { ValidationError } from '@posthorn/core'
import type { RawPayload } from '../types.ts'

const BRAND: unique symbol = Symbol.for('@posthorn/engine:raw-json')

/**
 * Marks JSON text that must arrive byte for byte: numbers keep their digits, keys their order, escapes their form.
 *
 * @param options.isChecked true: the caller has parsed the text already
 * @throws ValidationError when the text is not JSON
 */
export function rawJson(json: string, options: { readonly isChecked?: boolean } = {}): RawPayload {
  if (!options.isChecked) assertJson(json)
  return Object.defineProperty({ json }, BRAND, { value: true })
}

function assertJson(json: string): void {
  try {
    JSON.parse(json)
  } catch (cause) {
    throw new ValidationError([{ path: 'payload', message: 'is not JSON', expected: 'JSON text' }], { cause })
  }
}

const isRaw = (value: unknown): value is RawPayload =>
  typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true

/**
 * The bytes that will be kept and sent for a payload.
 *
 * @throws ValidationError for what JSON cannot hold (undefined, functions, bigint, cycles)
 */
export function payloadText(payload: unknown): string {
  if (isRaw(payload)) return payload.json
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch (cause) {
    throw new ValidationError([{ path: 'payload', message: 'cannot be written as JSON' }], { cause })
  }
  if (text === undefined) {
    throw new ValidationError([
      { path: 'payload', message: 'is missing or cannot be written as JSON', expected: 'any JSON value' },
    ])
  }
  return text
}
