import { createProgram } from './program.ts'
import { describeError } from './terminal/describe-error.ts'
import { EXIT, type ExitCode } from './terminal/exit-codes.ts'
import { paint } from './terminal/output.ts'

/** Runs a command line and tells what to exit with. Errors are told on standard error, in a sentence. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const program = createProgram((code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    const report = describeError(error)
    if (report.text !== '') {
      process.stderr.write(`${paint('red', 'error:', process.stderr)} ${report.text}\n`)
    }
    if (report.hint !== undefined) process.stderr.write(`${report.hint}\n`)
    return report.exitCode
  }
}
