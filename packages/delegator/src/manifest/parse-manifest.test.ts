import { createNetworkPolicy } from '@posthorn/dispatcher'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { CALL_DEFAULTS } from './defaults.ts'
import { manifestJsonSchema, parseManifest } from './parse-manifest.ts'

const url = 'https://quiz.example/answer'

function capability(entry: unknown, name = 'quiz_answer') {
  const parsed = parseManifest({ webhooks: { [name]: entry } })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value.capabilities[0]
}

/** The mistakes of one entry, as `path: message`, the path below the entry. */
function mistakes(entry: unknown): string[] {
  const parsed = parseManifest({ webhooks: { quiz_answer: entry } })
  if (parsed.ok) return []
  return parsed.error.map(
    ({ path, message }) => `${path.replace(/^webhooks\.quiz_answer\.?/, '')}: ${message}`,
  )
}

const WHOLE_TIMEOUT = 'must be a whole number of milliseconds from 1000 to 300000'
const NAMES = 'must be one of static, last-good, random-winner, pending-approval, none'

describe('a capability', () => {
  it('is a URL, with the defaults around it', () => {
    expect(capability(url)).toEqual({
      name: 'quiz_answer',
      url,
      timeoutMs: 2_000,
      isAsync: false,
      retry: { ...CALL_DEFAULTS.retry, maxAttempts: 1 },
      fallback: { strategy: 'static', options: {} },
      cacheTtlMs: 0,
    })
  })

  it('is the same in the long form', () => {
    expect(capability({ url })).toEqual(capability(url))
  })

  it('says everything itself', () => {
    const responseSchema = { type: 'object', required: ['correct'] }
    const entry = {
      url,
      timeout: 1_500,
      async: false,
      retry: { maxAttempts: 2, initialDelay: 50, maxDelay: 60, backoffMultiplier: 1.5 },
      fallback: { strategy: 'last-good', maxAge: 5_000, scope: 'capability', data: [1] },
      responseSchema,
      cacheTtl: 30_000,
    }
    expect(capability(entry)).toEqual({
      name: 'quiz_answer',
      url,
      timeoutMs: 1_500,
      isAsync: false,
      retry: {
        ...CALL_DEFAULTS.retry,
        maxAttempts: 2,
        initialDelayMs: 50,
        maxDelayMs: 60,
        backoffMultiplier: 1.5,
      },
      fallback: { strategy: 'last-good', options: { maxAge: 5_000, scope: 'capability', data: [1] } },
      responseSchema,
      cacheTtlMs: 30_000,
    })
  })

  it.each<[name: string, timeoutMs: number, strategy: string]>([
    ['quiz_answer', 2_000, 'static'],
    ['winner_selection', 5_000, 'random-winner'],
    ['participant_registration', 3_000, 'pending-approval'],
    ['anything_else', 10_000, 'static'],
    ['constructor', 10_000, 'static'],
  ])('%s has a default timeout of %i ms and falls back to %s', (name, timeoutMs, strategy) => {
    expect(capability(url, name)).toMatchObject({ timeoutMs, fallback: { strategy } })
  })

  it('takes the defaults that are passed in', () => {
    const defaults = {
      timeoutMs: 4_000,
      timeoutMsByCapability: { slow: 9_000 },
      fallbackByCapability: { slow: 'none' },
    }
    const parsed = parseManifest({ webhooks: { slow: url, other: url } }, { defaults })
    expect(parsed.ok && parsed.value.capabilities).toMatchObject([
      { timeoutMs: 9_000, fallback: { strategy: 'none' } },
      { timeoutMs: 4_000, fallback: { strategy: 'static' } },
    ])
  })

  it.each([
    ['async without a retry: 1, 2 and 4 s between four tries', { url, async: true }, [4, 1_000, 30_000, 2]],
    ['sync with an empty retry: the same', { url, retry: {} }, [4, 1_000, 30_000, 2]],
    ['a small maxDelay pulls the first wait down', { url, retry: { maxDelay: 10 } }, [4, 10, 10, 2]],
    ['a great initialDelay lifts the cap', { url, retry: { initialDelay: 60_000 } }, [4, 60_000, 60_000, 2]],
  ])('fills in %s', (_, entry, [maxAttempts, initialDelayMs, maxDelayMs, backoffMultiplier]) => {
    expect(capability(entry)?.retry).toMatchObject({
      maxAttempts,
      initialDelayMs,
      maxDelayMs,
      backoffMultiplier,
    })
  })

  it.each([
    ['static', {}],
    ['none', {}],
    ['random-winner', {}],
    ['pending-approval', { expiresIn: 259_200_000 }],
    ['last-good', { maxAge: 86_400_000, scope: 'payload' }],
  ])('takes the fallback %s by its name alone, with its options filled in', (strategy, options) => {
    expect(capability({ url, fallback: strategy })?.fallback).toEqual({ strategy, options })
    expect(capability({ url, fallback: { strategy } })?.fallback).toEqual({ strategy, options })
  })

  it('takes any JSON as the static answer', () => {
    const data = { winner: null, list: [1, 'a', { deep: true }] }
    expect(capability({ url, fallback: { strategy: 'static', data } })?.fallback.options).toEqual({ data })
  })

  it('may take longer when nobody waits', () => {
    expect(capability({ url, async: true, timeout: 300_000 })?.timeoutMs).toBe(300_000)
  })
})

describe('a mistake', () => {
  it.each<[entry: unknown, mistakes: string[]]>([
    [1, [': must be a string or an object']],
    [null, [': must be a string or an object']],
    [[], [': must be a string or an object']],
    ['not a url', [': is not a URL']],
    ['ftp://quiz.example/', [': does not begin with http:// or https://']],
    ['http://127.0.0.1/', [': The address is not allowed by the network policy']],
    [{}, ['url: is missing']],
    [{ url: 1 }, ['url: must be a string']],
    [{ url: 'http://user:pw@quiz.example:0/' }, ['url: contains a user name or password', 'url: has port 0']],
    [{ url, timeout: '5s' }, [`timeout: ${WHOLE_TIMEOUT}`]],
    [{ url, timeout: 999 }, [`timeout: ${WHOLE_TIMEOUT}`]],
    [{ url, timeout: 1_000.5 }, [`timeout: ${WHOLE_TIMEOUT}`]],
    [{ url, timeout: 30_001 }, ['timeout: must be at most 30000 unless async is true']],
    [{ url, timeout: 300_001, async: true }, [`timeout: ${WHOLE_TIMEOUT}`]],
    [{ url, async: 'yes' }, ['async: must be true or false']],
    [{ url, retry: 3 }, ['retry: must be an object']],
    [{ url, retry: { maxAttempts: 0 } }, ['retry.maxAttempts: must be a whole number from 1 to 20']],
    [{ url, retry: { attempts: 2 } }, ['retry.attempts: is not a known field']],
    [{ url, retry: { initialDelay: 100, maxDelay: 10 } }, ['retry.initialDelay: must not be above maxDelay']],
    [{ url, retry: { backoffMultiplier: 0.5 } }, ['retry.backoffMultiplier: must be a number from 1 to 10']],
    [{ url, fallback: 'static answer' }, [`fallback: ${NAMES}`]],
    [{ url, fallback: 5 }, ['fallback: must be a name or an object']],
    [{ url, fallback: {} }, [`fallback.strategy: ${NAMES}`]],
    [{ url, fallback: { strategy: 'statik' } }, [`fallback.strategy: ${NAMES}`]],
    [{ url, fallback: { strategy: 'static', date: 1 } }, ['fallback.date: is not a known field']],
    [{ url, fallback: { strategy: 'none', data: 1 } }, ['fallback.data: is not a known field']],
    [
      { url, fallback: { strategy: 'last-good', maxAge: 0, scope: 'app' } },
      [
        'fallback.maxAge: must be a whole number of milliseconds from 1 to 2592000000',
        'fallback.scope: must be payload or capability',
      ],
    ],
    [{ url, cacheTtl: 0 }, ['cacheTtl: must be a whole number of milliseconds from 1 to 86400000']],
    [
      { url, async: true, cacheTtl: 5, responseSchema: {} },
      [
        'responseSchema: has no meaning when async is true: nobody waits for the answer',
        'cacheTtl: has no meaning when async is true: nobody waits for the answer',
      ],
    ],
    [{ url, responseSchema: 'object' }, ['responseSchema: must be a JSON Schema: an object, true or false']],
    [{ url, retries: 3 }, ['retries: is not a known field']],
  ])('%j is told', (entry, expected) => {
    expect(mistakes(entry)).toEqual(expected)
  })

  it('hides no other one', () => {
    const parsed = parseManifest({
      webhooks: {
        'Quiz-Answer': { url, fallback: { strategy: 'nobody' } },
        good: url,
        bad: { timeout: 1, retry: { maxAttempts: 1.5, initialDelay: 9, maxDelay: 8, x: 1 }, async: 3 },
      },
      health: 'nowhere',
      name: 'quiz',
    })
    expect(parsed.ok ? [] : parsed.error.map(({ path }) => path).sort()).toEqual([
      'health',
      'name',
      'webhooks.bad.async',
      'webhooks.bad.retry.initialDelay',
      'webhooks.bad.retry.maxAttempts',
      'webhooks.bad.retry.x',
      'webhooks.bad.timeout',
      'webhooks.bad.url',
      'webhooks["Quiz-Answer"]',
      'webhooks["Quiz-Answer"].fallback.strategy',
    ])
  })

  it.each([undefined, null, 1, 'https://quiz.example/', [], {}, { webhooks: [] }, { webhooks: 'x' }])(
    'in the whole, such as %j, is no exception',
    (input) => {
      expect(parseManifest(input).ok).toBe(false)
    },
  )

  it('is one too many capabilities', () => {
    const webhooks = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`c${n}`, url]))
    expect(parseManifest({ webhooks })).toEqual({
      ok: false,
      error: [{ path: 'webhooks', message: 'must have at most 100 capabilities' }],
    })
  })

  it.each<[name: string, schema: (index: number) => unknown, fits: number, message: string]>([
    [
      'rules',
      (index) => ({ allOf: Array.from({ length: 340 }, (_, n) => ({ minimum: index + n, maximum: 9 })) }),
      7,
      'must not have more than 7500 subschemas and keywords, references written out',
    ],
    [
      'large patterns',
      (index) => ({
        allOf: Array.from({ length: 7 }, (_, n) => ({ pattern: `(?:a?){${220 + n}}${index}` })),
      }),
      2,
      'must not have more than 10000 instructions in patterns, repetitions written out',
    ],
    [
      'text',
      (index) => ({ const: `${index}`.repeat(60_000) }),
      8,
      'must not have more than 524288 characters',
    ],
  ])('is a schema for which the ones before it leave no room: %s', (_, schema, fits, message) => {
    const entries = Array.from({ length: 10 }, (_, n) => [`c${n}`, { url, responseSchema: schema(n) }])
    const parsed = parseManifest({ webhooks: Object.fromEntries(entries) })
    expect(parsed.ok ? [] : parsed.error).toEqual(
      Array.from({ length: 10 - fits }, (_, n) => ({
        path: `webhooks.c${n + fits}.responseSchema`,
        message: `${message}, together with the responseSchemas before it`,
      })),
    )
  })

  it('is a value nested a hundred thousand deep', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
    expect(mistakes({ url, fallback: { strategy: 'static', data: deep } })).toEqual([
      'fallback.data: must not be nested deeper than 64 levels',
    ])
    expect(mistakes({ url, responseSchema: { const: deep } })).toEqual([
      'responseSchema: must be JSON, at most 64 levels deep',
    ])
  })
})

describe('a manifest', () => {
  it('may offer nothing', () => {
    expect(parseManifest({ webhooks: {} })).toEqual({ ok: true, value: { capabilities: [] } })
  })

  it('may have a hundred schemas as one would write them', () => {
    const field = { type: 'string', pattern: '^[a-z0-9-]{1,36}$', maxLength: 36 }
    const properties = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`f${n}`, field]))
    const responseSchema = { type: 'object', properties, required: ['f0'], additionalProperties: false }
    const entries = Array.from({ length: 100 }, (_, n) => [`c${n}`, { url, responseSchema }])
    expect(parseManifest({ webhooks: Object.fromEntries(entries) }).ok).toBe(true)
  })

  it('keeps the order of its capabilities', () => {
    const parsed = parseManifest({ webhooks: { b: url, a: url } })
    expect(parsed.ok && parsed.value.capabilities.map(({ name }) => name)).toEqual(['b', 'a'])
  })

  it('says where the app tells of its health, else /health where its first capability is', () => {
    const first = parseManifest({ webhooks: { a: 'https://a.example:8443/x?y=1', b: url } })
    expect(first.ok && first.value.healthUrl).toBe('https://a.example:8443/health')
    const own = parseManifest({ webhooks: { a: url }, health: 'https://b.example/up' })
    expect(own.ok && own.value.healthUrl).toBe('https://b.example/up')
  })

  it('may point where the operator allows', () => {
    const networkPolicy = createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] })
    expect(parseManifest({ webhooks: { a: 'http://127.0.0.1:9/' } }, { networkPolicy }).ok).toBe(true)
  })

  it('may name strategies of the operator', () => {
    const strategies = [{ name: 'ask-a-friend', options: z.object({ phone: z.string('must be a string') }) }]
    const read = (fallback: unknown) => parseManifest({ webhooks: { a: { url, fallback } } }, { strategies })
    const good = read({ strategy: 'ask-a-friend', phone: '1' })
    expect(good.ok && good.value.capabilities[0]?.fallback).toEqual({
      strategy: 'ask-a-friend',
      options: { phone: '1' },
    })
    expect(read('ask-a-friend')).toEqual({
      ok: false,
      error: [{ path: 'webhooks.a.fallback.phone', message: 'is missing (give an object with it)' }],
    })
  })
})

describe('manifestJsonSchema', () => {
  it('describes every field', () => {
    const schema = JSON.stringify(manifestJsonSchema())
    for (const field of [
      'url',
      'timeout',
      'async',
      'retry',
      'fallback',
      'responseSchema',
      'cacheTtl',
      'health',
    ]) {
      expect(schema).toContain(`"${field}":{`)
    }
  })
})
