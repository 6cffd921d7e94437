import { isIP } from 'node:net'
import { PosthornError } from '@posthorn/core'
import { createKeyring } from '@posthorn/db'
import { z } from 'zod'

/** Names that stand for address ranges in `TRUST_PROXY`. */
const NAMED_RANGES = new Set(['loopback', 'linklocal', 'uniquelocal'])
const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kib: 1_024, mib: 1_048_576 }

/** A whole number of milliseconds, written with digits. */
export function milliseconds(min: number, max: number) {
  return wholeNumber(min, max, 'milliseconds')
}

/** A whole number in a range, written with digits. */
export function wholeNumber(min: number, max: number, unit = '') {
  const expected = `must be a whole number${unit && ` of ${unit}`} from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,15}$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected)
}

/** A number of bytes: `1048576`, `4KiB`, `1 MiB`. */
export function byteCount(min: number, max: number) {
  const expected = `must be a number of bytes from ${min} to ${max}, such as 1048576, 64KiB or 1MiB`
  return z.string().transform((text, context) => {
    const [, digits, unit = ''] = /^(\d{1,12}) ?(b|kib|mib)?$/i.exec(text) ?? []
    const value =
      digits === undefined ? Number.NaN : Number(digits) * (BYTE_UNITS[unit.toLowerCase()] ?? Number.NaN)
    if (value >= min && value <= max) return value
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  })
}

/** `true` or `false`. */
export const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')

/** Addresses and networks separated by commas: `10.0.0.0/8, ::1`. */
export const networks = addressList(false)

/** As {@link networks}, also `loopback`, `linklocal` and `uniquelocal`. */
export const proxies = addressList(true)

function addressList(withNames: boolean) {
  return z.string().transform((text, context) => {
    const entries = text.split(',').map((entry) => entry.trim())
    const wrong = entries.filter((entry) => !(isNetwork(entry) || (withNames && NAMED_RANGES.has(entry))))
    for (const entry of wrong) {
      context.addIssue({
        code: 'custom',
        message: `${JSON.stringify(entry)} is no IP address or CIDR network`,
      })
    }
    return entries
  })
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

/** A connection string of PostgreSQL. */
export const postgresUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol),
    'must be a connection string such as postgres://user:password@host:5432/database',
  )

/** `id:<32 bytes in base64>`, several separated by commas: what a key ring can be made of. */
export const encryptionKeys = z.string().superRefine((text, context) => {
  try {
    createKeyring(text)
  } catch (error) {
    if (!(PosthornError.is(error) && error.code === 'validation')) throw error
    context.addIssue({
      code: 'custom',
      message: 'must be id:<32 bytes in base64>, several separated by commas, newest first',
    })
  }
})

/** The text of an API key. */
export const apiKey = z
  .string()
  .regex(
    /^phk_[0-9a-f]{32}_[A-Za-z0-9]{32,128}$/,
    'must be phk_<32 hex digits>_<32 to 128 letters and digits>',
  )
