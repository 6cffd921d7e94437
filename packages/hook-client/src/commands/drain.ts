import type { LoadedConfig } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { drainOnce } from '../sender/drain.ts'
import type { DrainResult, SendProgress } from '../sender/types.ts'
import { watchSpool } from '../sender/watch.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { holdText } from '../terminal/hold-text.ts'
import { count, duration, type Output, paint } from '../terminal/output.ts'
import { createProgressLine } from '../terminal/progress-line.ts'
import type { CommandContext } from './context.ts'
import type { Sending } from './sending.ts'

/** `posthorn-hook drain`: sends what waits, now, also what waits for its next try. */
export async function drain(context: CommandContext, output: Output, sending: Sending): Promise<ExitCode> {
  const line = createProgressLine(output)
  let [done, left] = [0, 0]
  const result = await drainOnce({
    config: context.settings.config,
    ...sending,
    onProgress: (progress) => {
      if (progress.kind === 'started') left += progress.backlog
      if (progress.kind === 'sent' || progress.kind === 'failed') done += 1
      if (progress.kind === 'failed') line.lasting(failedText(progress))
      line.show(`${done} of ${Math.max(left, done)} sent${nowText(progress)}`)
    },
  })
  line.clear()
  output.result(result, summary(result))
  return exitCodeOf(result)
}

/** `posthorn-hook drain --watch`: sends whatever comes, until it is stopped. */
export async function watch(output: Output, sending: Sending): Promise<ExitCode> {
  output.note('Sending whatever comes. Ctrl+C ends it.')
  const result = await watchSpool({
    load: (): LoadedConfig => loadConfig(),
    ...sending,
    onProgress: (progress) => {
      const text = watchText(progress)
      if (output.json) output.result(progress, '')
      else if (text !== undefined) output.line(text)
    },
  })
  if (!output.json) output.note(`${count(result.sent, 'event')} sent, ${result.failed} failed.`)
  return EXIT.ok
}

function nowText(progress: SendProgress): string {
  switch (progress.kind) {
    case 'sending':
      return `; ${progress.event}`
    case 'retrying':
      return `; ${progress.event}: ${progress.error}, again in ${duration(progress.retryInMs)}`
    default:
      return ''
  }
}

function watchText(progress: SendProgress): string | undefined {
  const time = paint('gray', new Date().toISOString())
  switch (progress.kind) {
    case 'sent':
      return `${time} ${paint('green', 'sent')}    ${progress.requestId} ${progress.event} (${progress.durationMs} ms)`
    case 'retrying':
    case 'waiting':
      return `${time} ${paint('yellow', 'retry')}   ${progress.requestId} ${progress.event}: ${progress.error}, again in ${duration(progress.retryInMs)}`
    case 'failed':
      return `${time} ${failedText(progress)}`
    case 'held':
      return `${time} ${paint('yellow', 'paused')}  ${holdText(progress.hold, Date.now())}`
    default:
      return undefined
  }
}

function failedText({ requestId, event, reason, message }: SendProgress & { kind: 'failed' }): string {
  return `${paint('red', 'failed')}  ${requestId} ${event ?? '?'}: ${reason}: ${message}`
}

function summary(result: DrainResult): string {
  const { end, sent, duplicates, failed, backlog, hold } = result
  const repeats = duplicates > 0 ? ` (${duplicates} the server had already)` : ''
  const numbers = `${count(sent, 'event')} sent${repeats}, ${failed} failed, ${backlog} left.`
  const why = {
    empty: '',
    waiting: 'What is left is tried again later.',
    held: hold ? `Nothing can be sent ${holdText(hold, Date.now())}.` : 'Nothing can be sent for now.',
    locked: 'Another sender is at work on this spool.',
    unconfigured: 'The URL or the key is missing or wrong: see posthorn-hook doctor.',
    disabled: 'Capture is switched off, and so is sending.',
    stopped: 'Stopped.',
    unsealable: 'The key that events are sealed with cannot be used: see posthorn-hook doctor.',
    unwritable: 'The spool cannot be written: see posthorn-hook doctor.',
  }[end]
  return why === '' ? numbers : `${numbers} ${why}`
}

/** What a drain's end means for the exit code. */
export function exitCodeOf({ end, failed, hold }: Pick<DrainResult, 'end' | 'failed' | 'hold'>): ExitCode {
  switch (end) {
    case 'unconfigured':
    case 'disabled':
      return EXIT.usage
    case 'held':
      return hold?.kind === 'busy' ? EXIT.tryLater : EXIT.unreachable
    case 'waiting':
    case 'locked':
    case 'stopped':
      return EXIT.tryLater
    case 'unsealable':
    case 'unwritable':
      return EXIT.failure
    case 'empty':
      return failed > 0 ? EXIT.failure : EXIT.ok
  }
}
