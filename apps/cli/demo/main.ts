import { parseArgs } from 'node:util'
import { describeError } from '../src/terminal/describe-error.ts'
import { CommandError } from '../src/terminal/exit-codes.ts'
import { paint } from '../src/terminal/output.ts'
import { callProblems, callReport } from './calls/report.ts'
import { captureProblems, captureReport } from './capture/report.ts'
import { createReceivers } from './receivers.ts'
import { problems, report } from './report.ts'
import { runDemo } from './run.ts'
import { Stack } from './stack.ts'

const HELP = `The whole of Posthorn at work: PostgreSQL, an HTTP service, two workers of which one is killed,
and four receivers of which one is healthy; then a captured session while the service is killed, and a third-party app
that becomes slow and goes away while users wait for it.

  pnpm demo [--keep]

  --keep   leave it running at the end, with its URL, until Ctrl-C
`

const stack = new Stack()
const receivers = createReceivers()
const stopping = new AbortController()
const interrupted = Promise.withResolvers<never>()
interrupted.promise.catch(() => undefined)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopping.abort()
    interrupted.reject(new CommandError(`stopped by ${signal}`))
  })
}
// Should this process end in a way that nothing can be waited for, its children end too.
process.on('exit', () => stack.killNow())

process.exit(await main())

async function main(): Promise<number> {
  let options: { keep: boolean; help: boolean }
  try {
    options = parseArgs({
      options: {
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`)
    return 64
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  try {
    const exitCode = await Promise.race([play(), interrupted.promise])
    if (options.keep) await keepRunning()
    return exitCode
  } catch (error) {
    process.stderr.write(`\n${paint('red', 'error:', process.stderr)} ${describeError(error).text}\n`)
    return 1
  } finally {
    await Promise.all(receivers.all.map((receiver) => receiver.close()))
    await stack.stop()
  }
}

async function play(): Promise<number> {
  const { audit, capture, calls, context, unfinished } = await runDemo(stack, receivers, stopping.signal)
  process.stdout.write(`${report(audit, context)}\n${captureReport(capture)}\n${callReport(calls)}\n`)
  const wrong = [...problems(audit, context.refused), ...captureProblems(capture), ...callProblems(calls)]
  if (unfinished > 0) wrong.push(`${unfinished} deliveries were not over when time ran out`)
  for (const problem of wrong) process.stdout.write(`${paint('red', 'wrong:')} ${problem}\n`)
  if (wrong.length === 0) process.stdout.write(`${paint('green', 'Nothing was lost.')}\n`)
  return wrong.length === 0 ? 0 : 1
}

/** Leaves everything as it is until Ctrl-C. */
async function keepRunning(): Promise<void> {
  process.stdout.write(
    `\nStill running: ${stack.url}\n  key   ${stack.key}\n  docs  ${stack.url}/docs\nCtrl-C ends it.\n`,
  )
  const alive = setInterval(() => undefined, 60_000)
  await interrupted.promise.catch(() => undefined)
  clearInterval(alive)
}
