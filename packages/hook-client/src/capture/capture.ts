import { type Clock, systemClock, uuidv7, uuidv7Time } from '@posthorn/core'
import type { LoadedConfig } from '../config/config.ts'
import type { HookLog } from '../logs/types.ts'
import { randomBytes } from '../random-bytes.ts'
import { type PreparedEvent, prepareEvent, secretsInEnvironment } from '../redaction/prepare-event.ts'
import { noteCaptureError } from '../spool/capture-error.ts'
import { type Disk, errorCode } from '../spool/disk.ts'
import { markDrop } from '../spool/drops.ts'
import { openSpool, type Spool } from '../spool/layout.ts'
import { putEvent } from '../spool/put.ts'
import { putFailed } from '../spool/put-failed.ts'
import type { SpooledEvent } from '../spool/types.ts'
import { type Input, type InputLimits, type InputStream, readInput } from './read-input.ts'
import { type Spawn, spawnDetached, startSenders } from './start-sender.ts'
import { waitForSend } from './wait-for-send.ts'

/** What capturing needs. */
export interface CaptureOptions {
  loaded: LoadedConfig
  /** Such as `() => process.stdin`: opening it may fail as well. */
  openStdin: () => InputStream
  /** Milliseconds to send in before returning; 0: leave it to the detached sender. */
  waitMs: number
  /** Program and arguments of the detached sender; without it, none is started. */
  senderCommand?: readonly string[]
  log: HookLog
  env?: NodeJS.ProcessEnv
  inputLimits?: InputLimits
  /** In place of the machine's own, for tests. */
  clock?: Clock
  disk?: Disk
  spawn?: Spawn
}

/** What became of an event. */
export type CaptureResult =
  /** It is on disk, in `spoolDir`: the fallback's when the usual place could not be written. */
  | { kind: 'spooled'; requestId: string; spoolDir: string }
  /** There was no room for it, and the policy drops the newest; counted. */
  | { kind: 'dropped'; requestId: string }
  /** It was no event that could be sent; what could be read is in `failed/`. */
  | { kind: 'unreadable'; requestId: string }
  /** No place on disk would take it. `isCounted` tells whether at least its loss is counted. */
  | { kind: 'lost'; requestId: string; isCounted: boolean }
  | { kind: 'disabled' | 'empty' | 'excluded' }

/**
 * Captures one hook event: reads it, takes secrets out, writes it to the spool, and starts the sender.
 * Never rejects and prints nothing; whatever goes wrong is logged, and as far as the disk allows counted.
 * The caller ends the process, since a stdin that is never closed would keep it alive.
 */
export async function capture(options: CaptureOptions): Promise<CaptureResult> {
  const { loaded, log } = options
  const { config } = loaded
  if (!config.enabled) return { kind: 'disabled' }
  try {
    const { clock = systemClock, openStdin, inputLimits } = options
    // The event's time and place in the order is when it was seen, however long its document takes to come.
    const requestId = uuidv7({ now: () => clock.now(), random: randomBytes })
    const input = await readInput(openStdin, inputLimits)
    const prepared = prepare(input, options)
    if (input.end === 'deadline' || input.end === 'error') {
      log.error('stdin did not come to its end', { requestId, end: input.end, bytes: input.receivedBytes })
    }
    const result = store(requestId, prepared, options)
    logMistakes(loaded, log)
    if (result.kind === 'spooled' && options.waitMs > 0) {
      await waitForSend({ ...options, config, requestId })
    }
    const { senderCommand: command, spawn = spawnDetached } = options
    if (command !== undefined) startSenders({ ...options, command, spawn })
    return result
  } catch (error) {
    log.error('capturing failed', { code: errorCode(error), detail: (error as Error).message })
    return { kind: 'lost', requestId: '', isCounted: false }
  }
}

function prepare(input: Input, { loaded, env = process.env }: CaptureOptions): PreparedEvent {
  const { apiKey, filter, event, budgetMs } = loaded.config
  // Our own work, and not the time that a busy machine takes for it.
  const before = process.cpuUsage()
  const isOutOfTime = () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000 > budgetMs
  }
  return prepareEvent(input.text, {
    filter,
    defaultEvent: event,
    knownSecrets: [...(apiKey === undefined ? [] : [apiKey]), ...secretsInEnvironment(env)],
    receivedBytes: input.receivedBytes,
    isOutOfTime,
  })
}

function store(requestId: string, prepared: PreparedEvent, options: CaptureOptions): CaptureResult {
  const { log } = options
  if (prepared.kind === 'empty' || prepared.kind === 'excluded') {
    log.debug(`not captured: ${prepared.kind}`, prepared.kind === 'excluded' ? { event: prepared.event } : {})
    return { kind: prepared.kind }
  }
  const isEvent = prepared.kind === 'event'
  const event: SpooledEvent = {
    version: 1,
    requestId,
    traceId: traceId(),
    capturedAt: new Date(uuidv7Time(requestId)).toISOString(),
    event: isEvent ? prepared.event : 'unknown',
    sessionId: isEvent ? prepared.sessionId : null,
    body: isEvent ? prepared.body : JSON.stringify({ posthorn_unreadable: prepared.text }),
  }
  const { config } = options.loaded
  const places = [config.spoolDir, config.fallbackSpoolDir].map((dir) =>
    openSpool(dir, { ...options, sealDirs: config.sealDirs }),
  )
  for (const spool of places) {
    try {
      return isEvent
        ? putReadable(spool, event, prepared, options)
        : putUnreadable(spool, event, prepared.message, log)
    } catch (error) {
      const failure = { code: errorCode(error) ?? 'unknown', message: (error as Error).message }
      log.error('the spool cannot be written', {
        requestId,
        code: failure.code,
        detail: failure.message,
        spool: spool.dir,
      })
      for (const place of places) noteCaptureError(place, { ...failure, at: event.capturedAt })
    }
  }
  return countLoss(requestId, places, log)
}

function putReadable(
  spool: Spool,
  event: SpooledEvent,
  { redactions, isCut }: Extract<PreparedEvent, { kind: 'event' }>,
  { loaded, log }: CaptureOptions,
): CaptureResult {
  const { requestId, traceId } = event
  const { spooled, dropped } = putEvent(spool, event, loaded.config.limits)
  for (const id of dropped) log.error('dropped: the spool is full', { requestId: id })
  if (!spooled) {
    log.error('dropped: the spool is full', { requestId, traceId, event: event.event })
    return { kind: 'dropped', requestId }
  }
  const problem = spool.seals.problem()
  if (problem !== undefined) {
    log.error('spooled without a seal: it is not sent by itself', { requestId, traceId, detail: problem })
  }
  const bytes = Buffer.byteLength(event.body)
  log.queue('spooled', { requestId, traceId, event: event.event, bytes, redactions, isCut, spool: spool.dir })
  return { kind: 'spooled', requestId, spoolDir: spool.dir }
}

function putUnreadable(spool: Spool, event: SpooledEvent, message: string, log: HookLog): CaptureResult {
  const { requestId, capturedAt } = event
  putFailed(spool, event, { reason: 'unreadable-input', at: capturedAt, message, tries: 0 })
  log.error('moved to failed/: unreadable-input', { requestId, detail: message })
  return { kind: 'unreadable', requestId }
}

/** A W3C trace id; zeros alone are not one. */
function traceId(): string {
  const id = Buffer.from(randomBytes(16)).toString('hex')
  return /[1-9a-f]/.test(id) ? id : traceId()
}

/** A marker is empty: there may be room for it where there was none for the event. */
function countLoss(requestId: string, places: readonly Spool[], log: HookLog): CaptureResult {
  const isCounted = places.some((spool) => {
    try {
      markDrop(spool, requestId, 'unwritable')
      return true
    } catch {
      return false
    }
  })
  log.error('lost: no place on disk takes it', { requestId, isCounted })
  return { kind: 'lost', requestId, isCounted }
}

function logMistakes({ issues }: LoadedConfig, log: HookLog): void {
  for (const { path, message, expected } of issues)
    log.error('a mistake in the settings', { path, detail: message, expected })
}
