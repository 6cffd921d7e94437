import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { redactUrl } from '@posthorn/core'
import { capture } from '../capture/capture.ts'
import type { HookConfig } from '../config/config.ts'
import { checkServer } from '../doctor/check-server.ts'
import { drainOnce, spoolDirs } from '../sender/drain.ts'
import type { SendProgress } from '../sender/types.ts'
import { openSpool } from '../spool/layout.ts'
import { showEvent } from '../spool/listing.ts'
import { spoolStatus } from '../spool/status.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { holdReason } from '../terminal/hold-text.ts'
import { duration, type Output, paint } from '../terminal/output.ts'
import type { CommandContext } from './context.ts'
import { exitCodeOf } from './drain.ts'
import type { Sending } from './sending.ts'

/** One step on the way of the event. */
interface Step {
  readonly step: 'settings' | 'spooled' | 'sent'
  readonly ok: boolean
  /** Since the step before. */
  readonly durationMs: number
  readonly message: string
}

/** The event belongs to no session, so that no conversation comes of it. */
const EVENT = { hook_event_name: 'PosthornHookTest', message: 'sent by posthorn-hook test' }
/** A sender that is at work takes the event along; it looks at the spool more often than this. */
const OTHER_SENDER_MS = 30_000
const SILENCE_MS = 2_000
const POLL_MS = 50

/** `posthorn-hook test`: one event through the filter, the spool and the network, with the time of each step. */
export async function test(context: CommandContext, output: Output, sending: Sending): Promise<ExitCode> {
  const steps: Step[] = []
  let since = performance.now()
  const tell = (step: Step['step'], ok: boolean, message: string): boolean => {
    const now = performance.now()
    const told = { step, ok, durationMs: Math.round((now - since) * 10) / 10, message }
    since = now
    steps.push(told)
    const mark = ok ? paint('green', 'ok  ') : paint('red', 'FAIL')
    output.line(`${mark}  ${step.padEnd(8)} ${`${told.durationMs} ms`.padStart(10)}  ${message}`)
    return ok
  }
  const { requestId, exitCode } = await send(context, sending, output, tell)
  const ok = exitCode === EXIT.ok
  if (output.json) output.result({ ok, requestId: requestId ?? null, steps }, '')
  else if (!ok) output.note('See posthorn-hook doctor.')
  return exitCode
}

type Tell = (step: Step['step'], ok: boolean, message: string) => boolean

async function send(
  { settings }: CommandContext,
  sending: Sending,
  output: Output,
  tell: Tell,
): Promise<{ requestId?: string; exitCode: ExitCode }> {
  const { config, issues } = settings
  const wrong = issues.map(({ path, message }) => `${path} ${message}`).join('; ')
  const isSet = wrong === '' && config.enabled
  tell('settings', isSet, wrong || (config.enabled ? redactUrl(config.url ?? '') : 'capture is switched off'))
  if (!isSet) return { exitCode: EXIT.usage }
  // A sender that is at work may take the event as soon as it is on disk.
  const since = Date.now()
  const captured = await capture({
    // What the settings leave out is no reason not to try the way.
    loaded: { ...settings, config: { ...config, filter: { ...config.filter, include: ['*'], exclude: [] } } },
    openStdin: () => Readable.from([JSON.stringify(EVENT)]),
    waitMs: 0,
    log: sending.log,
  })
  if (captured.kind !== 'spooled') {
    tell('spooled', false, `not in the spool: ${captured.kind}`)
    return { exitCode: EXIT.failure }
  }
  const { requestId, spoolDir } = captured
  const isAtHome = tell('spooled', spoolDir === config.spoolDir, `${requestId} is on disk in ${spoolDir}`)
  let last: SendProgress | undefined
  const onProgress = (progress: SendProgress) => {
    if ('requestId' in progress && progress.requestId === requestId) last = progress
  }
  const result = await drainOnce({ config, ...sending, onProgress })
  if (last === undefined && result.end === 'locked') {
    const exitCode = await watchOtherSender({ requestId, config, since }, sending.signal, output, tell)
    return { requestId, exitCode: exitCode === EXIT.ok && !isAtHome ? EXIT.failure : exitCode }
  }
  if (last?.kind === 'sent') {
    tell('sent', true, `the server answered ${last.status} in ${last.durationMs} ms`)
    return { requestId, exitCode: isAtHome ? EXIT.ok : EXIT.failure }
  }
  if (last?.kind === 'failed') {
    tell('sent', false, `${last.reason}: ${last.message}`)
    return { requestId, exitCode: EXIT.failure }
  }
  const why = last && 'error' in last ? `${last.error}; the event waits` : `not sent: ${result.end}`
  tell('sent', false, result.hold ? holdReason(result.hold) : why)
  return { requestId, exitCode: result.end === 'empty' ? EXIT.failure : exitCodeOf(result) }
}

interface Watched {
  readonly requestId: string
  readonly config: HookConfig
  /** Epoch milliseconds: what happened before is no news. */
  readonly since: number
}

/** It has the settings that it was started with, which may be others than those that are in force now. */
async function judgeOtherSender({ url, apiKey, timeoutMs }: HookConfig, tell: Tell): Promise<ExitCode> {
  const checks = url === undefined ? [] : await checkServer(url, apiKey, timeoutMs)
  const wrong = checks.find(({ name, state }) => state !== 'ok' && name !== 'clock')
  if (wrong === undefined) {
    tell('sent', true, 'the sender that is at work has sent it')
    return EXIT.ok
  }
  const hint = wrong.hint === undefined ? '' : ` ${wrong.hint}`
  tell(
    'sent',
    false,
    `an older sender has sent it, with other settings. With these: ${wrong.message}.${hint}`,
  )
  return EXIT.failure
}

async function watchOtherSender(
  { requestId, config, since }: Watched,
  signal: AbortSignal,
  output: Output,
  tell: Tell,
): Promise<ExitCode> {
  const spools = spoolDirs(config).map((dir) => openSpool(dir, config))
  const startedAt = performance.now()
  let isSilent = true
  while (performance.now() - startedAt < OTHER_SENDER_MS && !signal.aborted) {
    const entry = spools.map((spool) => showEvent(spool, requestId)?.entry).find((found) => found)
    if (entry === undefined) return judgeOtherSender(config, tell)
    if (entry.failure) {
      tell('sent', false, `${entry.failure.reason}: ${entry.failure.message}`)
      return EXIT.failure
    }
    const hold = spools
      .map((spool) => spoolStatus(spool).state?.hold)
      .find((found) => found && found.lastTriedAt >= since)
    if (hold) {
      tell('sent', false, holdReason(hold))
      return exitCodeOf({ end: 'held', failed: 0, hold })
    }
    if (entry.retry) {
      tell('sent', false, `${entry.retry.lastError.code}: ${entry.retry.lastError.message}; the event waits`)
      return EXIT.tryLater
    }
    if (isSilent && performance.now() - startedAt >= SILENCE_MS) {
      isSilent = false
      output.note('Another sender is at work on this spool; waiting for what it makes of the event.')
    }
    await wait(POLL_MS)
  }
  tell('sent', false, `the sender that is at work has not sent it within ${duration(OTHER_SENDER_MS)}`)
  return EXIT.tryLater
}
