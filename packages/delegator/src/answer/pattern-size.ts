/** What a class of Unicode (`\p{Letter}`) takes to compile, however often it is repeated. */
const SIZE_OF_UNICODE_CLASS = 15
const REPETITION = /\{(\d+)(,(\d*))?\}/y
const ENDLESS = /^(?:\*|\+|\{\d+,\})$/
const CHARACTER_CLASS = /\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]/sy
/** What opens a group, or sets flags. */
const GROUP = /\((?:\?(?:P?<\w+>|[a-zA-Z-]*:?))?/y
const UNICODE_CLASS = /\\[pP]/g
const ESCAPE = /\\(?:Q.*?(?:\\E|$)|[pP](?:\{[^}]*\}|.)|x\{[^}]*\}|.)/sy

/**
 * About how many instructions a regular expression (RE2) compiles to, and never fewer: repetitions written out. Reads the
 * text once, since compiling `(?:a?){1000}` to find out is what is to be avoided.
 */
export function patternSize(pattern: string): number {
  const groups: Group[] = []
  let group: Group = { size: 3, last: 0 }
  for (let at = 0; at < pattern.length; ) {
    const token = tokenAt(pattern, at)
    at += token.length
    const repetition = repetitionsOf(token)
    if (token.startsWith('(')) {
      groups.push(group)
      group = { size: token === '(' || token.includes('<') ? 3 : 0, last: 0 }
    } else if (token === ')') {
      const { size } = group
      group = groups.pop() ?? { size: 0, last: 0 }
      append(group, size)
    } else if (repetition !== undefined) {
      // Without end, what may be empty takes an instruction more.
      const repeated = (group.last + (ENDLESS.test(token) ? 2 : 1)) * repetition
      group.size += repeated - group.last
      group.last = repeated
    } else append(group, sizeOfAtom(token))
  }
  const size = groups.reduce((sum, open) => sum + open.size, group.size)
  return size + (pattern.match(UNICODE_CLASS)?.length ?? 0) * SIZE_OF_UNICODE_CLASS
}

/** What stands between two parentheses: the size of the whole, and of the part that a repetition would repeat. */
interface Group {
  size: number
  last: number
}

function append(group: Group, size: number): void {
  group.size += size
  group.last = size
}

function tokenAt(pattern: string, at: number): string {
  for (const form of [ESCAPE, CHARACTER_CLASS, REPETITION, GROUP]) {
    form.lastIndex = at
    const found = form.exec(pattern)
    if (found !== null) return found[0]
  }
  return pattern.charAt(at)
}

/** How often the part before is repeated, at least once: even of nothing something is left to compile. */
function repetitionsOf(token: string): number | undefined {
  if (token === '*' || token === '+' || token === '?') return 1
  if (!token.startsWith('{') || token.length === 1) return undefined
  const [, least = '', , most = ''] = new RegExp(REPETITION.source).exec(token) ?? []
  return Math.max(1, Number(least) + 1, Number(most))
}

function sizeOfAtom(token: string): number {
  if (token === '|') return 2
  return token.startsWith('\\Q') ? token.length : 1
}
