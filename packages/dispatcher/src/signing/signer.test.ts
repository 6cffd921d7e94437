import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSigner, generateSecret, isWebhookId, verify } from './index.ts'

const NOW = 1_790_000_000

describe('createSigner', () => {
  it.each(['', 'a.b', 'a b', 'a\nb', 'ä', 'a'.repeat(256)])('refuses the id %j', (id) => {
    expect(isWebhookId(id)).toBe(false)
    expect(() => createSigner([generateSecret('v1').secret]).sign(id, NOW, '')).toThrow(TypeError)
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses the timestamp %d', (timestamp) => {
    expect(() => createSigner([generateSecret('v1').secret]).sign('a', timestamp, '')).toThrow(TypeError)
  })

  it('refuses to work without a secret', () => {
    expect(() => createSigner([])).toThrow(TypeError)
  })

  it('names the position of a wrong secret and never its content', () => {
    const wrong = 'whsec_c2VjcmV0'
    expect(() => createSigner([generateSecret('v1').secret, wrong])).toThrow(/^secrets\[1\]: (?!.*c2VjcmV0)/)
  })

  it('makes signatures that verify, for any body, id and mixture of secrets', () => {
    const kinds = fc.array(fc.constantFrom('v1', 'v1a'), { minLength: 1, maxLength: 4 })
    const id = fc.stringMatching(/^[!-\-/-~]{1,80}$/)
    fc.assert(
      fc.property(kinds, id, fc.uint8Array({ maxLength: 400 }), (versions, webhookId, body) => {
        const secrets = versions.map((version) => generateSecret(version))
        const signature = createSigner(secrets.map(({ secret }) => secret)).sign(webhookId, NOW, body)
        expect(signature.split(' ').map((part) => part.split(',')[0])).toEqual(versions)
        const headers = {
          'webhook-id': webhookId,
          'webhook-timestamp': String(NOW),
          'webhook-signature': signature,
        }
        for (const { secret, publicKey } of secrets) {
          const result = verify(body, headers, publicKey ?? secret, { now: () => NOW * 1000 })
          expect(result).toEqual({ ok: true, value: { id: webhookId, timestamp: NOW } })
          const changed = verify(Buffer.concat([body, Buffer.of(0)]), headers, secret, {
            now: () => NOW * 1000,
          })
          expect(changed.ok).toBe(false)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('verify', () => {
  const secret = generateSecret('v1').secret
  const signed = (at: number) => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': createSigner([secret]).sign('msg_1', at, 'body'),
  })

  it('accepts exactly the timestamps within the tolerance', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1000, max: 1000 }),
        fc.integer({ min: 0, max: 900 }),
        (offset, toleranceSec) => {
          const result = verify('body', signed(NOW + offset), secret, { now: () => NOW * 1000, toleranceSec })
          expect(result.ok).toBe(Math.abs(offset) <= toleranceSec)
        },
      ),
    )
  })

  it('skips the time when the tolerance is infinite', () => {
    const toleranceSec = Number.POSITIVE_INFINITY
    expect(verify('body', signed(1), secret, { toleranceSec }).ok).toBe(true)
  })

  it('uses the present time unless told', () => {
    expect(verify('body', signed(Math.floor(Date.now() / 1000)), secret).ok).toBe(true)
    expect(verify('body', signed(NOW - 1e8), secret).ok).toBe(false)
  })

  it('reads headers that Node gives as lists', () => {
    const headers = signed(NOW)
    const bad = `v1,${Buffer.alloc(32).toString('base64')}`
    const lists = { ...headers, 'webhook-signature': [bad, headers['webhook-signature']] }
    expect(verify('body', lists, secret, { now: () => NOW * 1000 }).ok).toBe(true)
  })

  it('stops looking after thirty-two signatures', () => {
    const headers = signed(NOW)
    const bad = Array.from({ length: 32 }, () => `v1,${Buffer.alloc(32).toString('base64')}`).join(' ')
    const flood = { ...headers, 'webhook-signature': `${bad} ${headers['webhook-signature']}` }
    expect(verify('body', flood, secret, { now: () => NOW * 1000 }).ok).toBe(false)
  })

  it('says that the body must be raw when it is given a parsed one', () => {
    const parsed = JSON.parse('{"a":1}')
    expect(() => verify(parsed, signed(NOW), secret)).toThrow(/raw body/)
  })

  it('says that a secret is missing when an environment variable is not set', () => {
    const unset = process.env.POSTHORN_TEST_UNSET as string
    for (const secrets of [unset, [unset]]) {
      expect(verify('', signed(NOW), secrets)).toMatchObject({
        ok: false,
        error: { reason: 'invalid_secret' },
      })
    }
  })

  it('never throws, whatever a sender puts into the headers', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (id, timestamp, signature) => {
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1a,${signature}`,
        }
        expect(verify('', headers, [secret, generateSecret('v1a').secret]).ok).toBe(false)
      }),
    )
  })
})
