/** What stands in place of a credential. */
export const REDACTED = '[REDACTED]'

const SECRET_NAME = /secret|token|signature|passw(or)?d|api[-_]?key|authorization|credential/i
const SECRET_HEADERS: ReadonlySet<string> = new Set(['cookie', 'set-cookie', 'x-api-key'])
/** Short names that hold credentials in URLs: shared-access signatures, function keys, one-time codes. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  ...['key', 'sig', 'auth', 'code', 'jwt', 'pass', 'pwd', 'hmac', 'access_key', 'accesskey', 'sessionid'],
])

/** Header values by name, as node and undici give them. */
export type HeaderValues = Readonly<Record<string, string | readonly string[] | undefined>>

/** The headers with `[REDACTED]` in place of each value, or list of values, that is a credential. */
export function redactHeaders<H extends HeaderValues>(
  headers: H,
): { [K in keyof H]: H[K] | typeof REDACTED } {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    value !== undefined && isSecretHeader(name) ? REDACTED : value,
  ])
  return Object.fromEntries(entries)
}

/** Whether a header of this name carries a credential. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.has(name.trim().toLowerCase()) || SECRET_NAME.test(name)
}

/**
 * The URL without credentials: user and password, and the values of secret-looking names in its query
 * and fragment, became `[REDACTED]`. A path alone (`/a?token=b`) is read too. Text that is no URL gives
 * `[invalid URL]`, since nobody can say which part of it is secret; so does what follows a scheme without
 * slashes become `[REDACTED]`. A secret in the path stays.
 */
export function redactUrl(url: string): string {
  const isPath = url.startsWith('/') && !url.startsWith('//')
  if (!URL.canParse(url, isPath ? 'http://localhost' : undefined)) return '[invalid URL]'
  const parsed = new URL(url, isPath ? 'http://localhost' : undefined)
  // `jdbc:postgresql://user:password@host` is one opaque text behind its first colon.
  if (!parsed.href.startsWith(`${parsed.protocol}//`)) return parsed.protocol + REDACTED
  const user = parsed.username !== '' || parsed.password !== '' ? `${REDACTED}@` : ''
  const origin = isPath ? '' : `${parsed.protocol}//${user}${parsed.host}`
  return origin + parsed.pathname + redactPairs(parsed.search) + redactPairs(parsed.hash)
}

/** `?a=b&token=c` with the values of secret-looking names taken out; the rest as it is written. */
function redactPairs(text: string): string {
  if (text.length < 2) return text
  const pairs = text.slice(1).split('&')
  return text[0] + pairs.map(redactPair).join('&')
}

function redactPair(pair: string): string {
  const equals = pair.indexOf('=')
  if (equals < 0) return pair
  const name = decoded(pair.slice(0, equals))
  const isSecret = SECRET_NAME.test(name) || SECRET_PARAMETERS.has(name.toLowerCase())
  return isSecret ? `${pair.slice(0, equals)}=${REDACTED}` : pair
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
