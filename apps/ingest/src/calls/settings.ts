import { CALL_DEFAULTS, type CallDefaults } from '@posthorn/delegator'
import { type Environment, value } from '@posthorn/engine/config'
import { z } from 'zod'

const TIMEOUT = 'WEBHOOK_TIMEOUT_'
const DEFAULT_TIMEOUT = 'WEBHOOK_TIMEOUT_DEFAULT'
const CAPABILITY = /^[a-z][a-z0-9_]{0,63}$/
/** The fallbacks that need no options. `none` is an app's to ask for, not an operator's. */
const STRATEGIES = ['static', 'last-good', 'random-winner', 'pending-approval']
const FALLBACK_FORM = `must be <capability>=<strategy>, several separated by commas; a strategy is one of ${STRATEGIES.join(', ')}`
const NO_NONE = 'only a manifest may ask for `none`'

const { retry } = CALL_DEFAULTS
const timeout = value.milliseconds(1_000, 30_000)

const factor = z
  .string()
  .regex(/^\d{1,2}(\.\d{1,6})?$/, 'must be a number from 1 to 10')
  .transform(Number)
  .refine((number) => number >= 1 && number <= 10, 'must be a number from 1 to 10')

const fallbacks = z.string().transform((text, context): Readonly<Record<string, string>> => {
  const entries = text.split(',').map((entry) => entry.split('=').map((part) => part.trim()))
  const isRight = ([capability = '', strategy = '', ...rest]: string[]) =>
    CAPABILITY.test(capability) && STRATEGIES.includes(strategy) && rest.length === 0
  for (const [at, entry] of entries.entries()) {
    if (isRight(entry)) continue
    // A value is never repeated: it may be that of another variable.
    const why = entry[1] === 'none' ? NO_NONE : FALLBACK_FORM
    context.addIssue({ code: 'custom', message: `entry ${at + 1}: ${why}` })
  }
  return Object.fromEntries(entries)
})

/** What of calls has a name of its own. Durations are milliseconds, sizes bytes. */
const named = {
  /** how long a call may take whose capability and manifest say nothing */
  [DEFAULT_TIMEOUT]: timeout.default(CALL_DEFAULTS.timeoutMs),
  /** tries of an asynchronous call, and what a manifest's `retry` leaves out */
  WEBHOOK_RETRY_MAX_ATTEMPTS: value.wholeNumber(1, 20).default(retry.maxAttempts),
  WEBHOOK_RETRY_INITIAL_DELAY: value.milliseconds(0, 3_600_000).default(retry.initialDelayMs),
  WEBHOOK_RETRY_MAX_DELAY: value.milliseconds(0, 3_600_000).default(retry.maxDelayMs),
  WEBHOOK_RETRY_BACKOFF_MULTIPLIER: factor.default(retry.backoffMultiplier),
  /** the fallback of capabilities whose manifest names none, over the built-in map */
  CALL_FALLBACKS: fallbacks.default({}),
  /** the largest answer of an app that is read */
  CALL_RESPONSE_LIMIT: value.byteCount(1_024, 16 * 1_048_576).default(262_144),
}

/** Timeouts by capability, `WEBHOOK_TIMEOUT_QUIZ_ANSWER`: any name is taken, so they are found in the environment. */
export type CapabilityTimeouts = Readonly<Record<`WEBHOOK_TIMEOUT_${string}`, number>>

/** What a service reads about calls, out of an environment that says for which capabilities. */
export function callSettings(env: Environment) {
  const built = Object.entries(CALL_DEFAULTS.timeoutMsByCapability).map(
    ([capability, ms]) => [variableOf(capability), timeout.default(ms)] as const,
  )
  const given = Object.keys(env)
    .filter((name) => name.startsWith(TIMEOUT) && name !== DEFAULT_TIMEOUT && env[name])
    .map((name) => [name, isCapability(name) ? timeout : noCapability] as const)
  // What is read is typed by {@link CapabilityTimeouts}: the names are not known here.
  const timeouts: Record<never, never> = Object.fromEntries([...given, ...built])
  return { ...named, ...timeouts }
}

const noCapability = z
  .string()
  .refine(() => false, 'names no capability: upper-case letters, digits and _, at most 64, as in QUIZ_ANSWER')

const variableOf = (capability: string): string => TIMEOUT + capability.toUpperCase()
const capabilityOf = (name: string): string => name.slice(TIMEOUT.length).toLowerCase()
const isCapability = (name: string): boolean =>
  name === name.toUpperCase() && CAPABILITY.test(capabilityOf(name))

/** The parsed form of {@link callSettings}, but for the timeouts by capability. */
export type CallConfig = z.output<z.ZodObject<typeof named>>

/** A rule over two fields, told together with the mistakes of single ones. */
export const delaysInOrder = {
  check: ({ WEBHOOK_RETRY_INITIAL_DELAY: first, WEBHOOK_RETRY_MAX_DELAY: longest }: Partial<CallConfig>) =>
    // What is wrong by itself is no number yet.
    typeof first !== 'number' || typeof longest !== 'number' || first <= longest,
  params: {
    path: ['WEBHOOK_RETRY_INITIAL_DELAY'],
    error: 'must not be above WEBHOOK_RETRY_MAX_DELAY',
    when: () => true,
  },
}

/** What holds where a manifest says nothing. */
export function callDefaults(config: CallConfig & CapabilityTimeouts): CallDefaults {
  const timeouts = Object.entries(config).filter(
    (entry): entry is [string, number] =>
      entry[0].startsWith(TIMEOUT) && entry[0] !== DEFAULT_TIMEOUT && typeof entry[1] === 'number',
  )
  return {
    timeoutMs: config[DEFAULT_TIMEOUT],
    timeoutMsByCapability: Object.fromEntries(timeouts.map(([name, ms]) => [capabilityOf(name), ms])),
    retry: {
      ...retry,
      maxAttempts: config.WEBHOOK_RETRY_MAX_ATTEMPTS,
      initialDelayMs: config.WEBHOOK_RETRY_INITIAL_DELAY,
      maxDelayMs: config.WEBHOOK_RETRY_MAX_DELAY,
      backoffMultiplier: config.WEBHOOK_RETRY_BACKOFF_MULTIPLIER,
    },
    fallbackByCapability: { ...CALL_DEFAULTS.fallbackByCapability, ...config.CALL_FALLBACKS },
  }
}
