import { isSecretFile, REDACTED } from './secret-names.ts'

/** What a command writes a file with: `>`, `>>`, `tee`, an editor in place, PowerShell's cmdlets. */
const WRITES = /[>]|\btee\b|\s-i|\b(?:add|set)-content\b|\bout-file\b/i
/** A word before which a name may begin: white space, a quote, an operator, an escape such as `\n`, sed's `/`. */
const NAME_BEFORE = /[\s"'`;|&(/,:^]/
const NAME_START = /[A-Za-z_]/
const NAME_PART = /[\w.-]/
const OPERATOR = /[>|;&\n]/

/** Whether a command, which names a secret file, may write to it. */
export function writesFile(command: string): boolean {
  return WRITES.test(command)
}

/**
 * A command that writes to a secret file, such as `echo 'NAME=value' >> .env`: what it assigns is taken out, whatever its
 * name. In quotes the value goes to the end of these, else to the next operator of the shell; what is assigned for the
 * command itself, before its first word, ends with the word. One pass, so in linear time.
 */
export function redactAssignments(command: string): string {
  let result = ''
  let from = 0
  let quote = ''
  let isCommandStart = true
  for (let at = 0; at < command.length; ) {
    const character = command[at] ?? ''
    if (character === '\\') {
      at += 2
    } else if (quote !== '' && character === quote) {
      quote = ''
      at += 1
    } else if (quote === '' && /["'`]/.test(character)) {
      quote = character
      isCommandStart = false
      at += 1
    } else if (NAME_START.test(character) && beginsName(command, at)) {
      let end = at + 1
      while (NAME_PART.test(command[end] ?? '')) end += 1
      if (command[end] !== '=') {
        if (quote === '') isCommandStart = false
        at = end
        continue
      }
      const start = end + 1
      const stop = endOfValue(command, start, quote, isCommandStart)
      const value = command.slice(start, stop).trimEnd()
      if (value !== '') {
        result += command.slice(from, start) + REDACTED
        from = start + value.length
      }
      at = stop
    } else {
      if (quote === '' && OPERATOR.test(character)) isCommandStart = true
      else if (quote === '' && /\S/.test(character)) isCommandStart = false
      at += 1
    }
  }
  return result + command.slice(from)
}

/** Behind an escape such as `\n`, which was passed over, a name begins as well. */
function beginsName(command: string, at: number): boolean {
  return at === 0 || NAME_BEFORE.test(command[at - 1] ?? '') || command[at - 2] === '\\'
}

function endOfValue(command: string, start: number, quote: string, isForCommand: boolean): number {
  let open = quote
  for (let at = start; at < command.length; at++) {
    const character = command[at] ?? ''
    if (character === '\\') at += 1
    else if (open !== '') {
      if (character !== open) continue
      if (quote !== '') return at
      open = ''
    } else if (/["'`]/.test(character)) open = character
    else if (OPERATOR.test(character) || (isForCommand && /\s/.test(character))) return at
  }
  return command.length
}

/** A line, where it writes to a secret file. */
export function redactWritingLine(line: string): string {
  return writesFile(line) && line.split(/[\s'"`;|&()<>]+/).some(isSecretFile) ? redactAssignments(line) : line
}
