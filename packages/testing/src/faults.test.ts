import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createReceiver, type Receiver } from './receiver.ts'
import { causeCode, post } from './test-support.ts'

let receiver: Receiver
beforeEach(async () => {
  receiver = await createReceiver()
})
afterEach(async () => {
  await receiver.close()
})

const endOf = async () => (await receiver.waitFor(([first]) => first?.end !== undefined))[0]?.end

/** Sends a request over a bare socket. */
function socketTo(url: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi')
  return socket
}

describe('faults', () => {
  it('reset resets the connection', async () => {
    receiver.fallback({ reset: true })
    expect(await post(receiver.url()).catch(causeCode)).toBe('ECONNRESET')
    expect(await endOf()).toEqual({ fault: 'reset' })
  })

  it('hang reads the request and never answers', async () => {
    receiver.fallback({ hang: true })
    const stop = new AbortController()
    const hanging = post(receiver.url(), { signal: stop.signal }).catch((error: Error) => error.name)
    expect(await endOf()).toEqual({ fault: 'hang' })
    expect(receiver.inFlight).toBe(1)
    stop.abort()
    expect(await hanging).toBe('AbortError')
  })

  it('raw writes exactly these bytes', async () => {
    const raw = Buffer.from('HTTP/1.1 200 OK\r\nnonsense\0\xff\r\n\r\n', 'latin1')
    receiver.fallback({ raw })
    const socket = socketTo(receiver.url())
    expect(await text(socket.setEncoding('latin1'))).toBe(raw.toString('latin1'))
    expect(await endOf()).toEqual({ fault: 'raw' })
  })

  it('closeEarly promises more than it sends', async () => {
    receiver.fallback({ status: 200, body: 'abcdef', closeEarly: true })
    const answer = await text(socketTo(receiver.url()))
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/content-length: 6\r\n/i)
    expect(answer).toMatch(/\r\n\r\nabc$/)
    expect(await endOf()).toEqual({ status: 200, fault: 'closeEarly' })
    receiver.fallback({ closeEarly: true })
    await expect(post(receiver.url(), { id: 'msg_1' })).rejects.toThrow()
    expect(receiver.acceptedTimes('msg_1')).toBe(0)
  })

  it('drip sends the body in pieces', async () => {
    receiver.fallback({ body: 'abcde', drip: { everyMs: 1, bytes: 2 } })
    const answer = await fetch(receiver.url())
    const pieces: string[] = []
    for await (const piece of answer.body ?? []) pieces.push(Buffer.from(piece).toString())
    expect(pieces.join('')).toBe('abcde')
    expect(pieces.length).toBeGreaterThan(1)
    expect(await endOf()).toEqual({ status: 200 })
  })

  it('drip ends when the other side goes away', async () => {
    receiver.fallback({ body: 'ab', drip: { everyMs: 3_600_000 } })
    const stop = new AbortController()
    const answer = await fetch(receiver.url(), { signal: stop.signal })
    const reading = answer.text().catch((error: Error) => error.name)
    stop.abort()
    expect(await reading).toBe('AbortError')
    expect(await endOf()).toEqual({ abandoned: true })
  })

  it('delayMs waits before the answer, and no longer than the other side', async () => {
    receiver.fallback([{ delayMs: 30, status: 201 }, { delayMs: 3_600_000 }])
    const order: string[] = []
    const slow = post(receiver.url()).then(({ status }) => order.push(`answer ${status}`))
    await receiver.waitFor(1)
    order.push('arrived')
    await slow
    expect(order).toEqual(['arrived', 'answer 201'])

    const stop = new AbortController()
    const gone = post(receiver.url(), { id: 'msg_1', signal: stop.signal }).catch(
      (error: Error) => error.name,
    )
    await receiver.waitFor(2)
    stop.abort()
    expect(await gone).toBe('AbortError')
    const [, second] = await receiver.waitFor(([, request]) => request?.end !== undefined)
    expect(second?.end).toEqual({ abandoned: true })
    expect(receiver.acceptedTimes('msg_1')).toBe(0)
  })
})
