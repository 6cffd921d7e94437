import { columns, paint } from '../../src/terminal/output.ts'
import type { CaptureAudit } from './play.ts'

/** What is wrong with the captured session; empty when everything is as promised. */
export function captureProblems(audit: CaptureAudit): string[] {
  return [
    ...(audit.lost !== 0 ? [`${audit.lost} captured events were lost`] : []),
    ...(audit.waiting + audit.failed > 0
      ? [`${audit.waiting} captured events still wait, ${audit.failed} were given up`]
      : []),
    ...(audit.unprojected > 0 ? [`${audit.unprojected} captured events are in no conversation`] : []),
    ...audit.disturbances,
  ]
}

/** The captured session as text. */
export function captureReport(audit: CaptureAudit): string {
  const lost = String(audit.lost)
  return `${paint('bold', 'captured session')}\n${columns([
    ['captured', `${audit.captured} hook events, the server away for a third of them`],
    ['sent', `${audit.sent} events on the server`],
    ['duplicates', `${audit.duplicates} came once more, and were told apart`],
    ['conversation', `${audit.messages} messages, ${audit.toolUses} tool uses`],
    ['lost', audit.lost === 0 ? paint('green', lost) : paint('red', lost)],
  ])}\n`
}
