import { formatId } from '@posthorn/core'
import { AttemptStats, type CallBatch, type RefusedRow } from '@posthorn/db'
import type { CallIncident, CallLog, CallLogBatch, CircuitChangeRecord } from '@posthorn/delegator'
import type { CallMetrics } from './call-metrics.ts'

/** Where operators read what only they should notice. */
interface RecordsLogger {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface CallRecordsOptions {
  /** names this writer, of which there is one in a process */
  readonly workerId: string
  write(batch: CallBatch): Promise<readonly RefusedRow[]>
  readonly metrics: CallMetrics
  readonly logger: RecordsLogger
  /** tells those who follow that something was written */
  readonly changed: () => void
}

/** Records of calls in the database, with the figures of their attempts; incidents in the log. Never a payload. */
export class CallRecords implements CallLog {
  readonly #options: CallRecordsOptions
  readonly #stats: AttemptStats
  /** what was said in the log of a batch that is written again */
  readonly #told = new WeakSet<CallIncident | CircuitChangeRecord>()

  constructor(options: CallRecordsOptions) {
    this.#options = options
    this.#stats = new AttemptStats(options.workerId)
  }

  async write(batch: CallLogBatch): Promise<void> {
    const { metrics, logger, changed } = this.#options
    this.#tell(batch)
    const { calls, attempts, notifications } = batch
    const draft = this.#stats.draft(attempts.map(({ endpointId, ...attempt }) => ({ endpointId, attempt })))
    const refused = await this.#options.write({ calls, attempts, notifications, stats: draft.rows })
    if (draft.rows.length > 0) this.#stats.keep(draft)
    if (refused.length > 0) logger.error({ refused }, 'records of calls were refused by the database')
    for (const call of calls) metrics.countCall(call)
    if (notifications.length > 0) changed()
  }

  #tell({ incidents, circuitChanges }: CallLogBatch): void {
    const { metrics, logger, changed } = this.#options
    for (const incident of incidents.filter((each) => this.#isNew(each))) {
      metrics.countIncident(incident.kind)
      logger.error(fieldsOf(incident), 'a call met with an incident')
    }
    for (const change of circuitChanges.filter((each) => this.#isNew(each))) {
      const { appId, endpointId, ...rest } = change
      const ids = { app: formatId('app', appId), endpointId: formatId('ep', endpointId) }
      logger.info({ ...ids, ...rest }, 'circuit changed')
      changed()
    }
  }

  #isNew(record: CallIncident | CircuitChangeRecord): boolean {
    const isNew = !this.#told.has(record)
    this.#told.add(record)
    return isNew
  }
}

function fieldsOf({ kind, appId, capability, callId, message, at }: CallIncident): object {
  return {
    kind,
    app: appId && formatId('app', appId),
    capability,
    call: callId && formatId('call', callId),
    incident: message,
    at,
  }
}
