/** What the command ends with. The numbers are those of `sysexits.h`. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** a mistake in arguments or configuration */
  usage: 64,
  /** the server cannot be reached, or refuses what is sent */
  unreachable: 69,
  /** what is left may be taken a little later */
  tryLater: 75,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Something that the user is told in a sentence, and the code that the command ends with. */
export class CommandError extends Error {
  readonly exitCode: ExitCode
  /** What may help, in a sentence of its own. */
  readonly hint: string | undefined

  constructor(message: string, options: { exitCode?: ExitCode; hint?: string } = {}) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = options.exitCode ?? EXIT.failure
    this.hint = options.hint
  }
}

/** A mistake of the one who typed the command. */
export const usageError = (message: string, hint?: string): CommandError =>
  new CommandError(message, { exitCode: EXIT.usage, ...(hint !== undefined && { hint }) })
