import { CommanderError } from 'commander'
import { systemContext } from './commands/context.ts'
import { createProgram } from './program.ts'
import { CommandError, EXIT, type ExitCode } from './terminal/exit-codes.ts'
import { createOutput, paint } from './terminal/output.ts'

/**
 * Runs a command line and tells what to exit with. Errors are told on standard error, in a sentence.
 * @param file the bundle, as hooks start it
 */
export async function run(args: readonly string[], file: string): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const program = createProgram(async ({ json }, work) => {
    exitCode = await work(systemContext(file), createOutput(json))
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const known = error instanceof CommandError
    const text = known ? error.message : ((error as Error).stack ?? String(error))
    process.stderr.write(`${paint('red', 'error:', process.stderr)} ${text}\n`)
    if (known && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
    return known ? error.exitCode : EXIT.failure
  }
}
