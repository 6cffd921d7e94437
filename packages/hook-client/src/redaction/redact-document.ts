import { escapePattern } from './escape-pattern.ts'
import { isCountName, isSecretFile, isSecretName, namesSecretFile, REDACTED } from './secret-names.ts'
import { redactCommand, redactSecretFile, redactText } from './secret-texts.ts'

/** What the filter takes out beside what looks like a secret by itself. */
export interface RedactionRules {
  /** Paths of fields, such as `tool_response`, `tool_input.*.content`, `**.email`. */
  redact: readonly string[]
  redactPatterns: readonly RegExp[]
  /** Texts that are secrets wherever they appear, such as the API key. */
  knownSecrets: readonly string[]
  /** A longer text is cut to so many characters before it is looked through. */
  maxTextLength: number
  /** Whether there is no time left: what is not looked through by then is taken out, not let through. */
  isOutOfTime(): boolean
}

/** What stands in place of what could not be looked through in time. */
export const UNFILTERED = '[posthorn: taken out, there was no time to look for secrets]'
export const TOO_DEEP = '[posthorn: taken out, nested too deeply]'

const DEEPEST = 200
/** A secret at the edge of a cut cannot be told by its shape: so much before the edge is cut off too. */
const EDGE = 4_096
/** A shorter name of a field is not looked at: no token is that short. */
const SHORTEST_SECRET_NAME = 16
/** How many values are looked through between looks at the clock. */
const VALUES_PER_LOOK = 64
/** Fields that name a file; they stay readable when its content does not. */
const PATH_FIELDS: ReadonlySet<string> = new Set([
  'file_path',
  'filePath',
  'path',
  'notebook_path',
  'cwd',
  'type',
])

type Mode = 'usual' | 'secret' | 'secret-texts' | 'secret-file' | 'secret-file-output' | 'secret-file-command'

/**
 * Takes secrets out of a parsed JSON document, in place. Returns how many values were changed, 0 meaning
 * that the document is as it came, and how many names of fields were seen.
 */
export function redactDocument(document: object, rules: RedactionRules): { changes: number; names: number } {
  const walk = new Walk(rules)
  walk.container(
    document,
    'usual',
    0,
    rules.redact.map((path) => path.split('.')),
  )
  return { changes: walk.changes, names: walk.names }
}

/** A text that is not JSON, without its secrets. */
export function redactPlainText(text: string, rules: RedactionRules): string {
  return new Walk(rules).text(text, 'usual')
}

class Walk {
  changes = 0
  names = 0
  readonly #rules: RedactionRules
  readonly #known: RegExp | undefined
  #untilLook = VALUES_PER_LOOK
  #isOver = false

  constructor(rules: RedactionRules) {
    this.#rules = rules
    const known = rules.knownSecrets.filter((secret) => secret.length >= 8).map(escapePattern)
    this.#known = known.length === 0 ? undefined : new RegExp(known.join('|'), 'g')
  }

  container(value: object, mode: Mode, depth: number, paths: readonly (readonly string[])[]): void {
    const fields = value as Record<string, unknown>
    const entries = Object.entries(fields)
    if (!Array.isArray(value)) this.names += entries.length
    for (const [name, field] of entries) {
      const below = paths.flatMap((path) => step(path, name))
      const changed = below.some((path) => path.length === 0)
        ? REDACTED
        : this.#value(field, name, this.#modeOf(fields, name, mode), depth, below)
      if (changed !== field) {
        this.changes += 1
        fields[name] = changed
      }
    }
    if (!Array.isArray(value)) this.#names(fields)
  }

  text(text: string, mode: Mode): string {
    const { maxTextLength, redactPatterns } = this.#rules
    const isCut = text.length > maxTextLength + EDGE
    let result = isCut ? text.slice(0, maxTextLength + EDGE) : text
    if (this.#known) result = result.replace(this.#known, REDACTED)
    if (mode === 'secret-file' || mode === 'secret-file-output') {
      result = redactSecretFile(result, mode === 'secret-file-output')
    }
    if (mode === 'secret-file-command') result = redactCommand(result)
    result = redactText(result)
    for (const pattern of redactPatterns) result = result.replace(pattern, REDACTED)
    if (!isCut) return result
    const kept = result.slice(0, Math.max(0, result.length - EDGE))
    return `${kept}…[posthorn: ${text.length - kept.length} characters cut]`
  }

  /** A name can be a secret too, as in an object from tokens to users. Its field moves to the end. */
  #names(fields: Record<string, unknown>): void {
    for (const name of Object.keys(fields)) {
      if (name.length < SHORTEST_SECRET_NAME) continue
      const changed = this.#outOfTime() ? UNFILTERED : this.text(name, 'usual')
      if (changed === name) continue
      this.changes += 1
      // Numbered, so that two of them do not become one.
      fields[`${changed} ${this.changes}`] = fields[name]
      delete fields[name]
    }
  }

  #value(
    value: unknown,
    name: string,
    mode: Mode,
    depth: number,
    paths: readonly (readonly string[])[],
  ): unknown {
    if (this.#outOfTime()) return typeof value === 'object' || typeof value === 'string' ? UNFILTERED : value
    if (typeof value === 'string') {
      if (mode === 'secret' || mode === 'secret-texts') return value === '' ? value : REDACTED
      return this.text(value, PATH_FIELDS.has(name) ? 'usual' : mode)
    }
    if (typeof value === 'number') return mode === 'secret' ? REDACTED : value
    if (typeof value !== 'object' || value === null) return value
    if (JSON.isRawJSON(value)) return mode === 'secret' ? REDACTED : value
    if (depth >= DEEPEST) return TOO_DEEP
    this.container(value, mode, depth + 1, paths)
    return value
  }

  /** How a field is read: by its name, and for a tool's input and response by the file they are about. */
  #modeOf(fields: Record<string, unknown>, name: string, mode: Mode): Mode {
    if (mode === 'secret') return mode
    if (isSecretName(name)) return isCountName(name) ? 'secret-texts' : 'secret'
    if (name === 'value' && isSecretHeader(fields)) return 'secret'
    if (name === 'tool_input' || name === 'tool_response' || name === 'error') {
      return modeOfTool(fields['tool_input'], name) ?? mode
    }
    return mode
  }

  #outOfTime(): boolean {
    this.#untilLook -= 1
    if (this.#untilLook <= 0 && !this.#isOver) {
      this.#untilLook = VALUES_PER_LOOK
      this.#isOver = this.#rules.isOutOfTime()
    }
    return this.#isOver
  }
}

/** `{"name": "Authorization", "value": "…"}` */
function isSecretHeader(fields: Record<string, unknown>): boolean {
  return [fields['name'], fields['key'], fields['header']].some(
    (one) => typeof one === 'string' && isSecretName(one),
  )
}

function modeOfTool(input: unknown, name: string): Mode | undefined {
  if (typeof input !== 'object' || input === null) return undefined
  const { file_path, path, notebook_path, glob, command } = input as Record<string, unknown>
  const isAboutFile = [file_path, path, notebook_path].some(
    (one) => typeof one === 'string' && isSecretFile(one),
  )
  if (isAboutFile) return 'secret-file'
  const isSpokenOf =
    (typeof command === 'string' && namesSecretFile(command)) ||
    (typeof glob === 'string' && isSecretFile(glob))
  if (!isSpokenOf) return undefined
  // The command itself stays readable; what it writes and prints does not.
  return name === 'tool_input' ? 'secret-file-command' : 'secret-file-output'
}

/** What is left of a path after a field: nothing of another path, an empty list when the field is meant. */
function step(path: readonly string[], name: string): (readonly string[])[] {
  const [first, ...rest] = path
  if (first === '**') return [path, ...step(rest, name)]
  return first === '*' || first === name ? [rest] : []
}
