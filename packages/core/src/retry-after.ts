const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})'
const IMF_FIXDATE = new RegExp(`^[a-z]{3}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`, 'i')
const RFC_850 = new RegExp(`^[a-z]{6,9}, (\\d{2})-([a-z]{3})-(\\d{2}) ${TIME} gmt$`, 'i')
const ASCTIME = new RegExp(`^[a-z]{3} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, 'i')
const DELAY_SECONDS = /^\d+(\.\d+)?$/

/**
 * The wait, in milliseconds ≥ 0, that a `Retry-After` header asks for: seconds or one of the three
 * forms of an HTTP-date (RFC 9110 sections 10.2.3 and 5.6.7). A date in the past is 0. Undefined when
 * the header is absent or unreadable. Fractions of a second are accepted, since servers send them.
 */
export function parseRetryAfter(value: string | null | undefined, nowMs: number): number | undefined {
  const text = value?.trim()
  if (!text) return undefined
  if (DELAY_SECONDS.test(text)) return Math.min(Math.ceil(Number(text) * 1000), Number.MAX_SAFE_INTEGER)
  const at = parseHttpDate(text, nowMs)
  return at === undefined ? undefined : Math.max(0, Math.ceil(at - nowMs))
}

function parseHttpDate(text: string, nowMs: number): number | undefined {
  const fix = IMF_FIXDATE.exec(text)
  if (fix) return utc(fix[3], fix[2], fix[1], fix.slice(4))
  const old = RFC_850.exec(text)
  if (old) return utc(fullYear(Number(old[3]), nowMs), old[2], old[1], old.slice(4))
  const asc = ASCTIME.exec(text)
  return asc ? utc(asc[6], asc[1], asc[2], asc.slice(3, 6)) : undefined
}

/** A two-digit year that seems more than 50 years ahead means the past (RFC 9110 section 5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}

function utc(
  year: string | number | undefined,
  monthName: string | undefined,
  dayText: string | undefined,
  time: readonly string[],
): number | undefined {
  const month = MONTHS.indexOf(monthName?.toLowerCase() ?? '')
  const day = Number(dayText)
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number)
  if (month < 0 || day < 1 || hours > 23 || minutes > 59 || seconds > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(year), month, day)
  if (date.getUTCMonth() !== month) return undefined
  return date.setUTCHours(hours, minutes, seconds)
}
