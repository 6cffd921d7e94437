import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAnswer, unwrap } from './read-answer.ts'

const read = (text: string, status = 200) =>
  readAnswer({ status, body: Buffer.from(text), isTruncated: false })

describe('readAnswer', () => {
  it.each<[body: string, answer: unknown]>([
    ['5', 5],
    ['"text"', 'text'],
    ['null', null],
    ['[1,2]', [1, 2]],
    ['{"winner":7}', { winner: 7 }],
    ['{"data":7}', { data: 7 }],
    [' {"success":true,"data":{"winner":7}} ', { winner: 7 }],
    ['{"success":true,"data":null}', null],
    ['{"success":true,"data":{"success":false}}', { success: false }],
    ['{"success":true,"data":1,"error":null}', 1],
    ['{"success":true}', null],
    ['{"success":true,"error":null}', null],
    ['{"success":true,"winner":7}', { success: true, winner: 7 }],
    ['{"success":"yes","data":1}', { success: 'yes', data: 1 }],
    ['\ufeff{"winner":7}', { winner: 7 }],
  ])('%s answers', (body, answer) => {
    expect(read(body)).toEqual({ ok: true, value: answer })
  })

  it.each<[body: string, message: string]>([
    ['{"success":false}', 'the app says that it failed'],
    ['{"success":false,"error":"sold out"}', 'the app says: sold out'],
    ['{"success":false,"error":{"code":7,"message":"sold out"}}', 'the app says: sold out'],
    ['{"success":false,"data":1,"error":""}', 'the app says that it failed'],
    ['{"success":false,"error":[1]}', 'the app says that it failed'],
  ])('%s is an error of the app', (body, message) => {
    expect(read(body)).toEqual({ ok: false, error: { reason: 'app_error', message } })
  })

  it.each<[name: string, body: string | Buffer, message: string]>([
    ['HTML', '<!doctype html><title>Oops</title>', 'the response is not JSON'],
    ['half of it', '{"winner":', 'the response is not JSON'],
    ['nothing', '', 'the response has no body'],
    ['bytes that are no text', Buffer.from([0x22, 0xff, 0x22]), 'the response is not JSON'],
    ['a deep hole', '['.repeat(100_000) + ']'.repeat(100_000), 'the response is deeper than 64 levels'],
  ])('%s is no answer', (_, body, message) => {
    expect(readAnswer({ status: 200, body: Buffer.from(body), isTruncated: false })).toEqual({
      ok: false,
      error: { reason: 'invalid_response', message },
    })
  })

  it('takes 204 for null, and a cut-off body for none', () => {
    expect(read('', 204)).toEqual({ ok: true, value: null })
    expect(readAnswer({ status: 200, body: Buffer.from('5'), isTruncated: true })).toMatchObject({
      error: { reason: 'invalid_response', message: 'the response is larger than the limit' },
    })
  })

  it('judges what is inside the envelope', () => {
    const check = (data: unknown) => (data === 1 ? undefined : 'the answer must be 1')
    const body = (text: string) => ({ status: 200, body: Buffer.from(text), isTruncated: false })
    expect(readAnswer(body('{"success":true,"data":1}'), check)).toEqual({ ok: true, value: 1 })
    expect(readAnswer(body('2'), check)).toEqual({
      ok: false,
      error: { reason: 'invalid_response', message: 'the answer must be 1' },
    })
  })

  it('gives back any JSON that is wrapped, and never throws for what is not', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (data) => {
        const text = JSON.stringify({ success: true, data })
        expect(read(text)).toEqual({ ok: true, value: JSON.parse(text).data })
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        expect(typeof readAnswer({ status: 200, body, isTruncated: false }).ok).toBe('boolean')
      }),
    )
  })
})

describe('unwrap', () => {
  it('leaves alone whatever has no boolean success', () => {
    const bare = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('"success"'))
    fc.assert(
      fc.property(bare, (value) => {
        expect(unwrap(value)).toEqual({ ok: true, value })
      }),
    )
  })
})
