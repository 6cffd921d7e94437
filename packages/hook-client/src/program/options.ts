import { InvalidArgumentError, Option } from 'commander'
import type { CommandContext } from '../commands/context.ts'
import type { ExitCode } from '../terminal/exit-codes.ts'
import type { Output } from '../terminal/output.ts'

/** Does the work of a command, and keeps what it exits with. */
export type Run = (
  options: { readonly json: boolean },
  work: (context: CommandContext, output: Output) => ExitCode | Promise<ExitCode>,
) => Promise<void>

/** `--json`, as every command has it. */
export const jsonOption = (): Option =>
  new Option('--json', 'write JSON for programs instead of text for people').default(false)

/** Reads a whole number in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads a length of time, such as `90s`, `15m`, `2h` or `7d`, as milliseconds. */
export function duration(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  if (number === undefined) throw new InvalidArgumentError('It must be a length of time: 90s, 15m, 2h, 7d.')
  return Number(number) * (UNITS[unit] ?? 1)
}

/** Reads a point in time: ISO 8601, or how long ago it is. */
export function pointInTime(text: string): Date {
  if (/^\d+[a-z]+$/.test(text)) return new Date(Date.now() - duration(text))
  const time = Date.parse(text)
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(time)) return new Date(time)
  throw new InvalidArgumentError('It must be a time (2026-08-22T10:00:00Z), or how long ago it is (15m, 2h).')
}
