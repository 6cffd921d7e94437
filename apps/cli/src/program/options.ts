import { InvalidArgumentError, Option } from 'commander'
import type { ExitCode } from '../terminal/exit-codes.ts'

/** Takes the code that a command wants to exit with. */
export type Done = (code: ExitCode) => void

/** `--json`, as every command that tells something has it. */
export const jsonOption = (): Option =>
  new Option('--json', 'write JSON for programs instead of text for people').default(false)

/** `--data-dir`: where `posthorn dev` keeps its data, or where the one to work with does. */
export const dataDirOption = (what: string): Option =>
  new Option('--data-dir <folder>', what).default('.posthorn').argParser((text: string) => {
    // It would mean the folder that the command is typed in: `--data-dir "$UNSET"` must not fill that.
    if (text.trim() === '') throw new InvalidArgumentError('It must name a folder.')
    return text
  })

/** Reads a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/** Gathers an option that may be given several times. */
export const gather = (text: string, before: readonly string[]): readonly string[] => [...before, text]
