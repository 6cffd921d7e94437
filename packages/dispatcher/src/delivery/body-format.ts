/**
 * How a payload is put into a request: `raw` as it is, `standard` as the `data` of `{ type, timestamp, data }`
 * (Standard Webhooks), `cloudevents` as it is with `ce-…` headers (CloudEvents 1.0, HTTP binary mode).
 */
export type BodyFormat = 'raw' | 'standard' | 'cloudevents'

/** What the formats tell about an event. */
export interface EventAttributes {
  /** The id people see, `evt_…`. */
  readonly eventId: string
  readonly eventType: string
  /** When the event was received, epoch milliseconds: the same for every try. */
  readonly eventTimeMs: number
  /** `ce-source`: a URI reference naming the context; `/posthorn` unless given. */
  readonly source?: string
}

/**
 * The bytes to send. `payload` is JSON text and goes in untouched: it is neither parsed nor printed again, so that
 * large numbers, key order and spacing stay as the producer wrote them.
 */
export function formatBody(
  format: BodyFormat,
  payload: Uint8Array | string,
  event: EventAttributes,
): Uint8Array | string {
  if (format !== 'standard') return payload
  const timestamp = new Date(event.eventTimeMs).toISOString()
  const head = `{"type":${JSON.stringify(event.eventType)},"timestamp":"${timestamp}","data":`
  if (typeof payload === 'string') return `${head}${payload}}`
  return Buffer.concat([Buffer.from(head), payload, CLOSING_BRACE])
}

const CLOSING_BRACE = Buffer.from('}')

/** The `ce-…` headers of an event (HTTP protocol binding of CloudEvents 1.0, section 3.1.3). */
export function cloudEventHeaders(event: EventAttributes): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-id': percentEncode(event.eventId),
    'ce-source': percentEncode(event.source ?? '/posthorn'),
    'ce-type': percentEncode(event.eventType),
    'ce-time': new Date(event.eventTimeMs).toISOString(),
  }
}

/** Everything but visible ASCII, and `"` and `%`, as `%XX` of its UTF-8 bytes (binding, section 3.1.3.2). */
function percentEncode(text: string): string {
  return text.replace(/[^!#$&-~]+/g, (part) => {
    const bytes = [...Buffer.from(part)]
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  })
}
