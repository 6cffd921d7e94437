import { redactUrl } from '@posthorn/core'
import { spoolStatus } from '../spool/status.ts'
import type { DropCounts, SpoolStatus } from '../spool/types.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { holdText } from '../terminal/hold-text.ts'
import { columns, count, duration, type Output, paint, size } from '../terminal/output.ts'
import type { CommandContext } from './context.ts'
import { spoolsOf } from './spools.ts'

/** `posthorn-hook status`: what waits, who sends it, and why nothing is sent, if nothing is. */
export function status(context: CommandContext, output: Output, now = Date.now()): ExitCode {
  const { config, issues, file } = context.settings
  const spools = spoolsOf(context).map((spool) => spoolStatus(spool))
  const report = {
    enabled: config.enabled,
    url: config.url === undefined ? null : redactUrl(config.url),
    hasKey: config.apiKey !== undefined,
    configFile: file,
    issues,
    debug: config.debug,
    failSilently: config.failSilently,
    logDir: config.logDir,
    spools: spools.map((spool) => ({
      ...spool,
      captureError: config.failSilently ? null : spool.captureError,
    })),
  }
  const rows = [
    ['Capture', config.enabled ? 'on' : paint('yellow', 'off: nothing is captured and nothing is sent')],
    ['Server', report.url ?? paint('yellow', 'not set: events are kept until it is')],
    ['Key', report.hasKey ? 'set' : paint('yellow', 'not set: events are kept until it is')],
    ...report.spools.flatMap((spool) => spoolRows(spool, now)),
    ['Logs', `${config.logDir}${config.debug ? ' (debug)' : ''}`],
  ]
  output.result(report, columns(rows))
  if (issues.length > 0 && !output.json) {
    output.note(`\n${count(issues.length, 'mistake')} in the settings: see posthorn-hook doctor`)
  }
  return EXIT.ok
}

function spoolRows(spool: SpoolStatus, now: number): string[][] {
  const { state, sender } = spool
  const oldest = spool.oldestAgeMs === null ? '' : `, the oldest for ${duration(spool.oldestAgeMs)}`
  const rows = [
    ['Spool', spool.exists ? spool.dir : `${spool.dir} (made with the first event)`],
    ['Waiting', `${count(spool.pending, 'event')}${oldest}; ${size(spool.bytes)} with the failed ones`],
    ['In flight', String(spool.processing)],
    ['Failed', failedText(spool)],
    ['Sender', sender ? `${sender.activity}, process ${sender.pid} on ${sender.host}` : 'none at work'],
  ]
  if (state?.hold) rows.push(['Paused', paint('yellow', holdText(state.hold, now))])
  if (state) {
    const last =
      state.lastSuccessAt === null ? 'never' : `${duration(now - Date.parse(state.lastSuccessAt))} ago`
    rows.push(['Sent', `${state.sent}, the last ${last}`])
    if (state.lastError) {
      const { code, message, at } = state.lastError
      const isOver = state.lastSuccessAt !== null && state.lastSuccessAt > at
      const told = `${duration(now - Date.parse(at))} ago: ${code}: ${message}`
      rows.push(['Last error', isOver ? `${told} (sent since)` : told])
    }
  }
  const dropped = dropText(spool.dropped.total)
  if (dropped !== '') {
    const unreported = dropText(spool.dropped.unreported)
    const told = unreported === '' ? ', all reported to the server' : `, not yet reported: ${unreported}`
    rows.push(['Dropped', paint('red', dropped + told)])
  }
  if (spool.sealProblem !== null) {
    rows.push(['Seal key', paint('red', `${spool.sealProblem}; events are kept and not sent`)])
  }
  if (spool.captureError) {
    const { code, message, at } = spool.captureError
    rows.push(['Not captured', paint('red', `${duration(now - Date.parse(at))} ago: ${code}: ${message}`)])
  }
  return rows
}

function failedText({ failed, unsealed }: SpoolStatus): string {
  if (failed === 0) return '0'
  const foreign = unsealed === 0 ? '' : ` (${unsealed} without your seal)`
  return paint('red', `${failed}${foreign}: see posthorn-hook queue ls --folder failed`)
}

/** `3 (2 full, 1 expired)`; empty where nothing was dropped. */
export function dropText(counts: DropCounts): string {
  const reasons = Object.entries(counts).filter(([, n]) => n > 0)
  if (reasons.length === 0) return ''
  const total = reasons.reduce((sum, [, n]) => sum + n, 0)
  return `${total} (${reasons.map(([reason, n]) => `${n} ${reason}`).join(', ')})`
}
