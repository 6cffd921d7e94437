import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageSplitter } from './http-parser.ts'

const message = (body: string) =>
  `POST /hooks/1 HTTP/1.1\r\nhost: here\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

describe('MessageSplitter', () => {
  it('finds the same messages however the bytes were cut', () => {
    const bodies = fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(bodies, fc.array(fc.nat({ max: 700 }), { maxLength: 12 }), (expected, cuts) => {
        const stream = Buffer.from(expected.map(message).join(''))
        const found: string[] = []
        const splitter = new MessageSplitter((_head, body) => found.push(body.toString()))
        const ends = [...cuts.map((cut) => Math.min(cut, stream.length)), stream.length].sort((a, b) => a - b)
        let start = 0
        for (const end of ends) {
          splitter.push(stream.subarray(start, end))
          start = end
        }
        expect(found).toEqual(expected.map((body) => Buffer.from(body).toString()))
      }),
    )
  })

  it('refuses a message without a length', () => {
    const splitter = new MessageSplitter(() => undefined)
    expect(() => splitter.push(Buffer.from('POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n'))).toThrow(
      'content-length',
    )
  })
})
