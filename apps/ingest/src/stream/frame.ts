import type { StreamedChange } from '@posthorn/engine'

/** One event of a stream, in the words of the HTML standard (9.2, server-sent events). */
export interface StreamEvent {
  readonly event: string
  /** JSON text, which has no line breaks */
  readonly data: string
  readonly id?: string
  /** how long a client waits before it connects again, milliseconds */
  readonly retryMs?: number
}

/** An event as it goes over the wire. */
export function frame({ event, data, id, retryMs }: StreamEvent): string {
  return (
    (id === undefined ? '' : `id: ${id}\n`) +
    (retryMs === undefined ? '' : `retry: ${retryMs}\n`) +
    `event: ${event}\ndata: ${data}\n\n`
  )
}

/** A change with its time among its fields. Its data are a JSON object already. */
export function changeFrame({ id, type, data, at }: StreamedChange): string {
  const fields = data === '{}' ? '}' : `,${data.slice(1)}`
  return frame({ id, event: type, data: `{"at":"${at.toISOString()}"${fields}` })
}

/**
 * A sign of life that is no event: proxies see traffic, and the client's place moves on although nothing happened, so
 * that it does not fall out of what is kept.
 */
export const heartbeat = (position: string): string => `: still here\nid: ${position}\n\n`
