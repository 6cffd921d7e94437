import { columns, paint } from '../../src/terminal/output.ts'
import { pathOf } from '../circuit-path.ts'
import type { CallsAudit } from './play.ts'

/** What is wrong with the calls; empty when everything is as promised. */
export function callProblems(audit: CallsAudit): string[] {
  const fallbacks = sum(audit.byFallback)
  return [
    ...(audit.inTime !== audit.calls
      ? [`${audit.calls - audit.inTime} calls were not answered in time`]
      : []),
    ...(audit.badSignatures > 0 ? [`${audit.badSignatures} calls were signed wrongly`] : []),
    ...(audit.recorded !== audit.calls
      ? [`${audit.calls} calls were made, and ${audit.recorded} are recorded`]
      : []),
    ...(audit.toldOf.fallbacks !== fallbacks
      ? [`the organizer was told of ${audit.toldOf.fallbacks} of ${fallbacks} fallbacks`]
      : []),
    ...(audit.isDecisionDelivered ? [] : ['what a person decided did not reach the app']),
  ]
}

/** The calls as text. */
export function callReport(audit: CallsAudit): string {
  const all = audit.inTime === audit.calls
  const reasons = audit.byFallback.map(([reason, count]) => `${count} ${reason}`).join(', ')
  return `${paint('bold', 'third-party app')}\n${columns([
    [
      'calls',
      `${audit.calls} by users who wait; ${audit.asked} reached the app, ${audit.badSignatures} of them signed wrongly`,
    ],
    [
      'in time',
      paint(
        all ? 'green' : 'red',
        `${audit.inTime} within ${audit.limitMs} ms, the slowest ${Math.round(audit.slowestMs)} ms`,
      ),
    ],
    ['by the app', String(audit.byApp)],
    ['by fallbacks', `${sum(audit.byFallback)}: ${reasons}`],
    ['organizer', `told of ${audit.toldOf.fallbacks} in ${audit.toldOf.notifications} notifications`],
    [
      'approval',
      audit.isDecisionDelivered ? 'of a participant, by a person; delivered to the app' : 'not delivered',
    ],
    ...audit.circuits
      .filter(([, changes]) => changes.length > 0)
      .map(([capability, changes], at) => [at === 0 ? 'circuits' : '', `${capability}: ${pathOf(changes)}`]),
  ])}\n`
}

const sum = (counts: CallsAudit['byFallback']) => counts.reduce((total, [, count]) => total + count, 0)
