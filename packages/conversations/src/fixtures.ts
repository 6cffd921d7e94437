import { readFileSync } from 'node:fs'

/** One recorded request of a hook client. */
export interface RecordedEvent {
  /** the header `x-request-id`, a UUIDv7 */
  readonly requestId: string
  /** the header `x-captured-at` */
  readonly capturedAt: string
  /** the tool's own JSON */
  readonly body: Readonly<Record<string, unknown>> & {
    readonly hook_event_name: string
    readonly session_id: string
  }
}

/** A recorded conversation as JSON lines, each a {@link RecordedEvent}. */
export const recordedConversationUrl = new URL('../fixtures/conversation.jsonl', import.meta.url)

/** The recorded conversation, in the order in which it happened. */
export function recordedConversation(): RecordedEvent[] {
  return readFileSync(recordedConversationUrl, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedEvent)
}
