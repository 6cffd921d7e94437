import { ValidationError } from '@posthorn/core'
import { createDelegator, MemoryAppDirectory } from '@posthorn/delegator'
import { describe, expect, it } from 'vitest'
import { parseIngestConfig } from '../config.ts'
import { callDefaults } from './settings.ts'

const minimal = {
  DATABASE_URL: 'postgres://db/posthorn',
  POSTHORN_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
}
const defaultsOf = (env: Record<string, string>) => callDefaults(parseIngestConfig({ ...minimal, ...env }))

function mistakes(env: Record<string, string>): [path: string, message: string][] {
  try {
    parseIngestConfig({ ...minimal, ...env })
  } catch (error) {
    if (error instanceof ValidationError) return error.issues.map(({ path, message }) => [path, message])
    throw error
  }
  return []
}

describe('what is configured about calls', () => {
  it('has timeouts by capability, of any name', () => {
    const defaults = defaultsOf({
      WEBHOOK_TIMEOUT_DEFAULT: '7000',
      WEBHOOK_TIMEOUT_QUIZ_ANSWER: '1500',
      WEBHOOK_TIMEOUT_SHIPPING_RATES_2: '4000',
      WEBHOOK_TIMEOUT_TAX: '',
    })
    expect(defaults.timeoutMs).toBe(7_000)
    expect(defaults.timeoutMsByCapability).toEqual({
      quiz_answer: 1_500,
      shipping_rates_2: 4_000,
      winner_selection: 5_000,
      participant_registration: 3_000,
    })
  })

  it('has retries, and fallbacks over those that are built in', () => {
    const defaults = defaultsOf({
      WEBHOOK_RETRY_MAX_ATTEMPTS: '2',
      WEBHOOK_RETRY_INITIAL_DELAY: '50',
      WEBHOOK_RETRY_MAX_DELAY: '60',
      WEBHOOK_RETRY_BACKOFF_MULTIPLIER: '1.5',
      CALL_FALLBACKS: 'tax=last-good, winner_selection=static',
    })
    expect(defaults.retry).toMatchObject({
      kind: 'exponential',
      maxAttempts: 2,
      initialDelayMs: 50,
      maxDelayMs: 60,
      backoffMultiplier: 1.5,
    })
    expect(defaults.fallbackByCapability).toEqual({
      tax: 'last-good',
      winner_selection: 'static',
      participant_registration: 'pending-approval',
    })
  })

  it.each(['static', 'last-good', 'random-winner', 'pending-approval'])(
    'takes the fallback %s',
    async (name) => {
      const defaults = defaultsOf({ CALL_FALLBACKS: `a=${name}` })
      await createDelegator({ apps: new MemoryAppDirectory(), defaults }).close()
    },
  )

  it.each([
    ['WEBHOOK_TIMEOUT_DEFAULT', '999', 'from 1000 to 30000'],
    ['WEBHOOK_TIMEOUT_QUIZ_ANSWER', '30001', 'from 1000 to 30000'],
    ['WEBHOOK_TIMEOUT_SHIPPING', '2s', 'from 1000 to 30000'],
    ['WEBHOOK_TIMEOUT_SHIPPING-RATES', '2000', 'names no capability'],
    ['WEBHOOK_TIMEOUT_shipping', '2000', 'names no capability'],
    ['WEBHOOK_RETRY_MAX_ATTEMPTS', '21', 'from 1 to 20'],
    ['WEBHOOK_RETRY_MAX_DELAY', '-1', 'from 0 to 3600000'],
    ['WEBHOOK_RETRY_INITIAL_DELAY', '40000', 'must not be above WEBHOOK_RETRY_MAX_DELAY'],
    ['WEBHOOK_RETRY_BACKOFF_MULTIPLIER', '0.5', 'from 1 to 10'],
    ['CALL_FALLBACKS', 'tax', 'must be <capability>=<strategy>'],
    ['CALL_FALLBACKS', 'tax=guess', 'static, last-good, random-winner, pending-approval'],
    ['CALL_FALLBACKS', 'a=static,Tax=static', 'entry 2: must be <capability>=<strategy>'],
    ['CALL_FALLBACKS', 'tax=none', 'entry 1: only a manifest may ask for `none`'],
    ['CALL_RESPONSE_LIMIT', '10', 'from 1024'],
  ])('refuses %s=%s by name', (name, value, words) => {
    expect(mistakes({ [name]: value })).toEqual([[name, expect.stringContaining(words)]])
  })

  it('has words for a default that does not fit what is given', () => {
    expect(mistakes({ WEBHOOK_RETRY_MAX_DELAY: '500' })).toEqual([
      ['WEBHOOK_RETRY_INITIAL_DELAY', 'must not be above WEBHOOK_RETRY_MAX_DELAY'],
    ])
  })

  it('tells a mistake over two fields together with others', () => {
    const found = mistakes({ WEBHOOK_RETRY_INITIAL_DELAY: '40000', PORT: 'x', WEBHOOK_TIMEOUT_TAX: '1' })
    expect(found.map(([path]) => path).sort()).toEqual([
      'PORT',
      'WEBHOOK_RETRY_INITIAL_DELAY',
      'WEBHOOK_TIMEOUT_TAX',
    ])
  })
})
