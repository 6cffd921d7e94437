/** What is wrong with a value. */
export interface Mistake {
  message: string
  expected: string
}

/** A value of a setting that was read, or what is wrong with it. */
export type Parsed<T> = { value: T } | { mistake: Mistake }

/** Reads a value: text from a variable, or whatever JSON holds in the file. */
export type Parser<T> = (raw: unknown) => Parsed<T>

const mistake = (message: string, expected: string): { mistake: Mistake } => ({
  mistake: { message, expected },
})

const WORDS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...['true', '1', 'yes', 'on', true].map((word): [unknown, boolean] => [word, true]),
  ...['false', '0', 'no', 'off', false].map((word): [unknown, boolean] => [word, false]),
])

/** `true` or `false`; as text also 1, 0, yes, no, on, off, in any case. */
export const flag: Parser<boolean> = (raw) => {
  const found = WORDS.get(typeof raw === 'string' ? raw.trim().toLowerCase() : raw)
  return found === undefined ? mistake('is neither true nor false', 'true or false') : { value: found }
}

/** An integer within bounds, as a number or as decimal digits. */
export function integer(least: number, most: number, unit: string): Parser<number> {
  const expected = `an integer from ${least} to ${most}${unit === '' ? '' : `, in ${unit}`}`
  return (raw) => {
    const value = typeof raw === 'string' && /^\s*-?\d+\s*$/.test(raw) ? Number(raw) : raw
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      return mistake('is not an integer', expected)
    return value < least || value > most ? mistake('is out of range', expected) : { value }
  }
}

/** Text that is not empty. */
export const text: Parser<string> = (raw) =>
  typeof raw === 'string' && raw.trim() !== ''
    ? { value: raw.trim() }
    : mistake('is not a text', 'a text that is not empty')

/** One of a few words. */
export function oneOf<T extends string>(words: readonly T[]): Parser<T> {
  return (raw) => {
    const found = words.find((word) => word === raw)
    return found === undefined ? mistake('is unknown', `one of ${words.join(', ')}`) : { value: found }
  }
}

/** A list of texts, from a variable parted by commas. */
export const texts: Parser<readonly string[]> = (raw) => {
  const list: unknown = typeof raw === 'string' ? raw.split(',') : raw
  if (!Array.isArray(list) || !list.every((one) => typeof one === 'string')) {
    return mistake('is not a list of texts', 'a list of texts')
  }
  return { value: list.map((one) => one.trim()).filter((one) => one !== '') }
}

/** A list of regular expressions; a variable holds one, since expressions contain commas. */
export const patterns: Parser<readonly RegExp[]> = (raw) => {
  const list: unknown = typeof raw === 'string' ? [raw] : raw
  if (!Array.isArray(list)) return mistake('is not a list', 'a list of regular expressions')
  const compiled: RegExp[] = []
  for (const one of list as unknown[]) {
    try {
      if (typeof one !== 'string' || one === '') throw new TypeError('not a text')
      compiled.push(new RegExp(one, 'gu'))
    } catch {
      const which = list.length === 1 ? 'is' : `has at ${compiled.length}`
      return mistake(`${which} no regular expression`, 'JavaScript regular expressions, without slashes')
    }
  }
  return { value: compiled }
}

/** The whole http(s) URL of the hooks route. */
export const hookUrl: Parser<string> = (raw) => {
  const expected = 'the whole URL, such as http://localhost:8080/api/v1/hooks/claude-code'
  if (typeof raw !== 'string' || !URL.canParse(raw.trim())) return mistake('is not a URL', expected)
  const url = new URL(raw.trim())
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return mistake('is not http or https', expected)
  if (url.username !== '' || url.password !== '') {
    return mistake('holds a user or password', `${expected}, and the key in POSTHORN_HOOK_API_KEY`)
  }
  url.hash = ''
  return url.href.length > 2048 ? mistake('is longer than 2048 characters', expected) : { value: url.href }
}

/** The URL of an older setting: the server's address alone means its older route. */
export const olderUrl: Parser<string> = (raw) => {
  const parsed = hookUrl(raw)
  if ('mistake' in parsed) return parsed
  const url = new URL(parsed.value)
  if (url.pathname === '/') url.pathname = '/api/claude-hooks'
  return { value: url.href }
}

/** A key that fits into a header. */
export const apiKey: Parser<string> = (raw) => {
  const value = typeof raw === 'string' ? raw.trim() : ''
  return /^[\x21-\x7e]{1,512}$/.test(value)
    ? { value }
    : mistake('is not a key', 'a key as the server made it: phk_…, without spaces')
}
