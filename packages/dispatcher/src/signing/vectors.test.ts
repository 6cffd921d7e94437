import { describe, expect, it } from 'vitest'
import vectors from '../../vectors.json' with { type: 'json' }
import { createSigner, signCall, verify, verifyCall } from './index.ts'

interface WithBody {
  readonly body?: string
  readonly bodyBase64?: string
}

function bodyOf({ body, bodyBase64 }: WithBody): string | Uint8Array {
  return bodyBase64 === undefined ? (body ?? '') : Buffer.from(bodyBase64, 'base64')
}

describe('signing vectors', () => {
  it.each(vectors.sign)('$name', (vector) => {
    const signer = createSigner(vector.secrets)
    expect(signer.sign(vector.id, vector.timestamp, bodyOf(vector))).toBe(vector.signature)
    const bytes = Buffer.from(bodyOf(vector))
    expect(signer.sign(vector.id, vector.timestamp, bytes)).toBe(vector.signature)
  })

  it.each(vectors.sign)('$name, verified under each of its secrets', (vector) => {
    const headers = {
      'webhook-id': vector.id,
      'webhook-timestamp': String(vector.timestamp),
      'webhook-signature': vector.signature,
    }
    for (const secret of vector.secrets) {
      const result = verify(bodyOf(vector), headers, secret, { now: () => vector.timestamp * 1000 })
      expect(result).toEqual({ ok: true, value: { id: vector.id, timestamp: vector.timestamp } })
    }
  })

  it.each(vectors.refusedSigningSecrets)(
    'refuses to sign with a secret that is wrong: $why',
    ({ secret }) => {
      expect(() => createSigner([secret])).toThrow(TypeError)
    },
  )
})

describe('verification vectors', () => {
  it.each(vectors.verify)('$verdict: $name', (vector) => {
    const { headers, secrets, body, nowMs, toleranceSec } = vector
    const given: Record<string, string> = { ...headers }
    const result = verify(body, given, secrets, { now: () => nowMs, toleranceSec })
    expect(result.ok ? 'accepted' : 'refused').toBe(vector.verdict)
    if (!result.ok) expect(result.error.reason).toBe(vector.reason)
    // The same through Fetch's Headers, which drop nothing and fold case themselves.
    const fetchHeaders = new Headers(Object.entries(given))
    expect(verify(body, fetchHeaders, secrets, { now: () => nowMs, toleranceSec })).toEqual(result)
  })
})

describe('call vectors', () => {
  it.each(vectors.calls)('$name', ({ secret, timestamp, requestId, body, signature }) => {
    expect(signCall({ secret, timestampSec: timestamp, requestId, body })).toBe(signature)
    const call = { secret, requestId, body, nowMs: timestamp * 1000 }
    expect(verifyCall(signature, call)).toBe(true)
    expect(verifyCall(signature, { ...call, body: `${body} ` })).toBe(false)
    expect(verifyCall(signature, { ...call, requestId: 'req_other' })).toBe(false)
    expect(verifyCall(signature, { ...call, nowMs: (timestamp + 301) * 1000 })).toBe(false)
    expect(verifyCall(signature, { ...call, nowMs: (timestamp - 301) * 1000 })).toBe(false)
    expect(
      verifyCall(
        signature.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
        call,
      ),
    ).toBe(false)
    expect(verifyCall(undefined, call)).toBe(false)
    expect(verifyCall('', call)).toBe(false)
  })

  it('carry a signature under each secret while one is being replaced', () => {
    const call = { timestampSec: 1_700_000_000, requestId: 'req_1', body: '{}' }
    const old = signCall({ ...call, secret: 'old' })
    const both = signCall({ ...call, secret: ['new', 'old'] })
    expect(both).toBe(`${signCall({ ...call, secret: 'new' })},${old.slice(old.indexOf('v1='))}`)
    const received = { requestId: 'req_1', body: '{}', nowMs: 1_700_000_000_000 }
    for (const secret of ['new', 'old', ['newer', 'new']]) {
      expect(verifyCall(both, { ...received, secret })).toBe(true)
    }
    expect(verifyCall(both, { ...received, secret: 'other' })).toBe(false)
    expect(verifyCall(old, { ...received, secret: ['new', 'old'] })).toBe(true)
    expect(verifyCall(`${both},v1=`, { ...received, secret: 'new' })).toBe(false)
    expect(() => signCall({ ...call, secret: [] })).toThrow(TypeError)
  })

  it.each(['', 'req.1', 'req 1', 'req\n1'])('refuses the request id %j', (requestId) => {
    expect(() => signCall({ secret: 's', timestampSec: 1, requestId, body: '' })).toThrow(TypeError)
  })

  it.each(['', 'whsec_%', 'whsec_'])('refuses the secret %j', (secret) => {
    expect(() => signCall({ secret, timestampSec: 1, requestId: 'req_1', body: '' })).toThrow(TypeError)
  })

  it('refuses a fractional timestamp', () => {
    expect(() => signCall({ secret: 's', timestampSec: 1.5, requestId: 'req_1', body: '' })).toThrow(
      TypeError,
    )
  })
})
