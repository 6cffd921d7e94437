import type { CallLogBatch } from './call-log.ts'

/** Records by kind, and responses that are missing in records of attempts. */
export type Losses = Readonly<Partial<Record<LostKind, number>>>
/** See {@link Losses}. */
export type LostKind = keyof CallLogBatch | 'responses'

const NAMES: Readonly<Record<LostKind, string>> = {
  calls: 'calls',
  attempts: 'attempts',
  notifications: 'notifications',
  incidents: 'incidents',
  circuitChanges: 'circuit changes',
  responses: 'responses of attempts',
}
const KINDS = Object.keys(NAMES) as LostKind[]

/** All of them together, without what there are none of. */
export function sumOf(...all: readonly Losses[]): Losses {
  const counts = KINDS.map((kind): [LostKind, number] => [
    kind,
    all.reduce((sum, losses) => sum + (losses[kind] ?? 0), 0),
  ])
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

/** `calls: 3, notifications: 2`; empty for nothing. */
export function describeLosses(losses: Losses): string {
  return KINDS.flatMap((kind) => (losses[kind] ? [`${NAMES[kind]}: ${losses[kind]}`] : [])).join(', ')
}
