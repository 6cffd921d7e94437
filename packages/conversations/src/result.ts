import { formatId, type IdPrefix, type ValidationIssue } from '@posthorn/core'
import type { CaptureState } from '@posthorn/db'
import type { HookEvent } from './hook-event.ts'
import type { CaptureResult } from './types.ts'

/** What a result says beside how far the event has come. */
export interface ResultContext {
  readonly requestId: string | null
  readonly duplicate?: boolean
  readonly issues?: readonly ValidationIssue[]
  readonly event: Pick<HookEvent, 'isOlderFormat'> | null
  readonly kind: string | null
}

const idOrNull = (prefix: IdPrefix, uuid: string | null) => (uuid === null ? null : formatId(prefix, uuid))

/** How far an event has come, as it is told outside. */
export function resultOf(state: CaptureState, context: ResultContext): CaptureResult {
  return {
    eventId: formatId('evt', state.eventId),
    requestId: context.requestId ?? formatId('req', state.eventId),
    status: state.status,
    duplicate: context.duplicate ?? false,
    conversationId: idOrNull('conv', state.conversationId),
    messageId: idOrNull('msg', state.messageId),
    toolUseId: idOrNull('tu', state.toolUseId),
    error: state.error,
    issues: context.issues ?? [],
    isOlderFormat: context.event?.isOlderFormat ?? false,
    isNamed: context.requestId !== null,
    hookEventName: context.kind,
  }
}

/** An event that nothing has been said of yet. */
export const bareState = (eventId: string, status: CaptureState['status']): CaptureState => ({
  eventId,
  status,
  conversationId: null,
  messageId: null,
  toolUseId: null,
  error: null,
})
