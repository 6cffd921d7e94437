import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { CommandError, usageError } from '../terminal/exit-codes.ts'

/**
 * The text of an argument that is given as itself, as `@file` or as `-` for standard input. Not a byte of it is changed.
 *
 * @throws CommandError when the file cannot be read
 */
export async function readArgument(argument: string): Promise<string> {
  if (argument === '-') return text(process.stdin)
  if (!argument.startsWith('@')) return argument
  const path = argument.slice(1)
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandError(`${path} cannot be read (${code ?? 'unknown error'}).`, { cause: error })
  }
}

/** @throws CommandError naming the option when the text is no JSON */
export function parseJsonOption(option: string, value: string): unknown {
  try {
    return JSON.parse(value)
  } catch (error) {
    throw usageError(`${option} is not JSON: ${error instanceof Error ? error.message : error}.`)
  }
}
