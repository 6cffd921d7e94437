import type { CallLog } from './call-log.ts'

/** Keeps nothing, and makes incidents process warnings, so that none goes unnoticed. */
export const warningLog: CallLog = {
  async write({ incidents }) {
    for (const { kind, message, capability, appId } of incidents) {
      const where = capability === null ? '' : ` (${capability} of ${appId})`
      process.emitWarning(`${kind}: ${message}${where}`, 'PosthornIncident')
    }
  },
}
