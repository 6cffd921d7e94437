import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { createSigner, generateSecret, verify } from './index.ts'

const id = fc.stringMatching(/^[!-\-/-~]{1,40}$/)
const key = fc.uint8Array({ minLength: 24, maxLength: 64 })
// Only well-formed text: the official library signs text, not bytes.
const body = fc.json()

describe('the official library', () => {
  it('verifies what is signed here', () => {
    fc.assert(
      fc.property(key, id, body, (bytes, webhookId, text) => {
        const secret = `whsec_${Buffer.from(bytes).toString('base64')}`
        const now = Math.floor(Date.now() / 1000)
        const headers = {
          'webhook-id': webhookId,
          'webhook-timestamp': String(now),
          'webhook-signature': createSigner([generateSecret('v1a').secret, secret]).sign(
            webhookId,
            now,
            text,
          ),
        }
        expect(new Webhook(secret).verify(text, headers)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('signs what is verified here, with the same signature', () => {
    fc.assert(
      fc.property(key, id, body, fc.integer({ min: 0, max: 4e9 }), (bytes, webhookId, text, timestamp) => {
        const secret = `whsec_${Buffer.from(bytes).toString('base64')}`
        const signature = new Webhook(secret).sign(webhookId, new Date(timestamp * 1000), text)
        expect(createSigner([secret]).sign(webhookId, timestamp, text)).toBe(signature)
        const headers = {
          'webhook-id': webhookId,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signature,
        }
        expect(verify(text, headers, secret, { now: () => timestamp * 1000 }).ok).toBe(true)
      }),
    )
  })
})
