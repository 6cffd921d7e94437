import { canonicalUuid, uuidDigits, uuidv7 } from './uuid.ts'

/**
 * What an id names: app, API key, endpoint, event, delivery, attempt, dead letter, request, conversation, message, tool
 * use, call, approval, notification.
 */
export type IdPrefix =
  | 'app'
  | 'key'
  | 'ep'
  | 'evt'
  | 'dlv'
  | 'att'
  | 'dl'
  | 'req'
  | 'conv'
  | 'msg'
  | 'tu'
  | 'call'
  | 'apr'
  | 'ntf'

/** The form people read: prefix, underscore, 32 hexadecimal digits, such as `evt_0199…`. */
export function formatId(prefix: IdPrefix, uuid: string): string {
  return `${prefix}_${uuidDigits(uuid)}`
}

/**
 * The canonical UUID of an id given by a caller: `evt_` with 32 hexadecimal digits, or a bare UUID with
 * or without dashes. Undefined for anything else, such as the prefix of another kind.
 */
export function parseId(prefix: IdPrefix, text: string): string | undefined {
  return canonicalUuid(text.startsWith(`${prefix}_`) ? text.slice(prefix.length + 1) : text)
}

/** A fresh request id, `req_…`, ordered by time. */
export function newRequestId(): string {
  return formatId('req', uuidv7())
}
