import type { CallLog, CallLogBatch } from '../src/index.ts'

type Kept = { -readonly [Kind in keyof CallLogBatch]: CallLogBatch[Kind][number][] }

/** Keeps everything that is written. */
export class RecordingLog implements CallLog, Kept {
  readonly calls: Kept['calls'] = []
  readonly attempts: Kept['attempts'] = []
  readonly notifications: Kept['notifications'] = []
  readonly incidents: Kept['incidents'] = []
  readonly circuitChanges: Kept['circuitChanges'] = []

  async write(batch: CallLogBatch): Promise<void> {
    this.calls.push(...batch.calls)
    this.attempts.push(...batch.attempts)
    this.notifications.push(...batch.notifications)
    this.incidents.push(...batch.incidents)
    this.circuitChanges.push(...batch.circuitChanges)
  }
}
