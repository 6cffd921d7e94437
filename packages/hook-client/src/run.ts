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
    const { text, exitCode: code, hint } = describeError(error)
    process.stderr.write(`${paint('red', 'error:', process.stderr)} ${text}\n`)
    if (hint !== undefined) process.stderr.write(`${hint}\n`)
    return code
  }
}

/** An error as a sentence. Only what nobody expected shows where it came from. */
function describeError(error: unknown): { text: string; exitCode: ExitCode; hint?: string | undefined } {
  if (error instanceof CommandError)
    return { text: error.message, exitCode: error.exitCode, hint: error.hint }
  const { code, path, stack } = error as NodeJS.ErrnoException
  if (code !== undefined && path !== undefined) {
    return {
      text: `${path} cannot be used: ${code}.`,
      exitCode: EXIT.failure,
      hint: 'See posthorn-hook doctor.',
    }
  }
  return { text: stack ?? String(error), exitCode: EXIT.failure }
}
