import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { capture } from '../capture/capture.ts'
import { drainOnce, spoolDirs } from '../sender/drain.ts'
import type { SendProgress } from '../sender/types.ts'
import { openSpool } from '../spool/layout.ts'
import { showEvent } from '../spool/listing.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { duration, type Output, paint } from '../terminal/output.ts'
import type { CommandContext } from './context.ts'
import type { Sending } from './sending.ts'
import { holdText } from './status.ts'

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
  const requestId = await send(context, sending, tell)
  const ok = steps.every((step) => step.ok)
  if (output.json) output.result({ ok, requestId: requestId ?? null, steps }, '')
  else if (!ok) output.note('See posthorn-hook doctor.')
  return ok ? EXIT.ok : EXIT.failure
}

type Tell = (step: Step['step'], ok: boolean, message: string) => boolean

async function send(context: CommandContext, sending: Sending, tell: Tell): Promise<string | undefined> {
  const { config, issues } = context.settings
  const wrong = issues.map(({ path, message }) => `${path} ${message}`).join('; ')
  if (
    !tell(
      'settings',
      wrong === '' && config.enabled,
      wrong || (config.enabled ? `${config.url}` : 'capture is switched off'),
    )
  ) {
    return undefined
  }
  const captured = await capture({
    loaded: context.settings,
    openStdin: () => Readable.from([JSON.stringify(EVENT)]),
    waitMs: 0,
    log: sending.log,
  })
  if (captured.kind !== 'spooled') {
    const why =
      captured.kind === 'excluded' ? `the settings leave ${EVENT.hook_event_name} out` : captured.kind
    tell('spooled', false, `not in the spool: ${why}`)
    return undefined
  }
  const { requestId, spoolDir } = captured
  tell('spooled', spoolDir === config.spoolDir, `${requestId} is on disk in ${spoolDir}`)

  let last: SendProgress | undefined
  const onProgress = (progress: SendProgress) => {
    if ('requestId' in progress && progress.requestId === requestId) last = progress
  }
  const { end, hold } = await drainOnce({ config, ...sending, onProgress })
  if (last?.kind === 'sent') {
    tell('sent', true, `the server answered ${last.status} in ${last.durationMs} ms`)
  } else if (last?.kind === 'failed') {
    tell('sent', false, `${last.reason}: ${last.message}`)
  } else if (hold) {
    tell('sent', false, `nothing can be sent ${holdText(hold, Date.now())}`)
  } else if (end === 'locked') {
    await watchOtherSender(requestId, context, sending.signal, tell)
  } else {
    tell('sent', false, last && 'error' in last ? `${last.error}; the event waits` : `not sent: ${end}`)
  }
  return requestId
}

async function watchOtherSender(
  requestId: string,
  { settings }: CommandContext,
  signal: AbortSignal,
  tell: Tell,
): Promise<void> {
  const find = () =>
    spoolDirs(settings.config)
      .map((dir) => showEvent(openSpool(dir), requestId)?.entry)
      .find((entry) => entry !== undefined)
  const giveUpAt = performance.now() + OTHER_SENDER_MS
  while (performance.now() < giveUpAt && !signal.aborted) {
    const entry = find()
    if (entry === undefined) return void tell('sent', true, 'the sender that is at work has sent it')
    if (entry.failure) return void tell('sent', false, `${entry.failure.reason}: ${entry.failure.message}`)
    await wait(POLL_MS)
  }
  tell('sent', false, `the sender that is at work has not sent it within ${duration(OTHER_SENDER_MS)}`)
}
