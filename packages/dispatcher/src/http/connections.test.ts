import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { httpReceiver, tcpReceiver } from '../../test/receivers.ts'
import { localDispatcher, loopback, post, using } from '../../test/sending.ts'
import type { DispatchResult } from '../index.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const echo = () => using(httpReceiver((_, response) => response.end('ok')))

/** A receiver that answers when it is told to. */
async function holding() {
  const held: ServerResponse[] = []
  const receiver = await using(httpReceiver((_, response) => held.push(response)))
  const answerAll = () => {
    for (const response of held.splice(0)) response.end('ok')
  }
  return { receiver, held, answerAll }
}

const times = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make)

describe('connections', () => {
  it('are used again', async () => {
    const receiver = await echo()
    const dispatcher = localDispatcher()
    for (let i = 0; i < 50; i++)
      expect(await dispatcher.send(post(receiver.url))).toMatchObject({ status: 200 })
    expect(receiver.connections()).toBe(1)
  })

  it('are shared by the paths of an origin', async () => {
    const receiver = await echo()
    const dispatcher = localDispatcher()
    for (const path of ['a', 'b', 'c']) await dispatcher.send(post(`${receiver.url}/${path}`))
    expect(receiver.connections()).toBe(1)
  })

  it('are not more than allowed, and further requests wait their turn', async () => {
    const receiver = await echo()
    const dispatcher = localDispatcher({ connectionsPerOrigin: 3 })
    const results = await Promise.all(times(60, () => dispatcher.send(post(receiver.url))))
    expect(results.every(({ verdict }) => verdict === 'success')).toBe(true)
    expect(receiver.connections()).toBe(3)
  })

  it('are made anew when the server has closed one while it was idle', async () => {
    const receiver = await using(
      tcpReceiver((socket) => {
        socket.once('data', () => socket.end(OK))
      }),
    )
    const dispatcher = localDispatcher()
    for (let i = 0; i < 20; i++) {
      expect(await dispatcher.send(post(receiver.url))).toMatchObject({ verdict: 'success' })
      await expect.poll(() => receiver.sockets.size).toBe(0)
    }
  })

  it('are not used again when the server says so', async () => {
    const receiver = await using(
      httpReceiver((_, response) => response.setHeader('connection', 'close').end('ok')),
    )
    const dispatcher = localDispatcher()
    for (let i = 0; i < 5; i++) expect((await dispatcher.send(post(receiver.url))).verdict).toBe('success')
    expect(receiver.connections()).toBe(5)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it.each(['end', 'resetAndDestroy'] as const)(
    'that the server closes (%s) on the second request fail it as retryable, and the next is made anew',
    async (close) => {
      const receiver = await using(
        tcpReceiver((socket) => {
          socket.once('data', () => {
            socket.write(OK)
            socket.once('data', () => socket[close]())
          })
        }),
      )
      const dispatcher = localDispatcher()
      expect((await dispatcher.send(post(receiver.url))).verdict).toBe('success')
      const failed = await dispatcher.send(post(receiver.url))
      expect(failed).toMatchObject({ verdict: 'retryable', failure: 'connection' })
      expect((await dispatcher.send(post(receiver.url))).verdict).toBe('success')
    },
  )

  it('are given up after five minutes, so that a change in DNS is noticed', async () => {
    const receiver = await echo()
    let time = 0
    const dispatcher = localDispatcher({ clock: { now: () => time, monotonic: () => time } })
    await dispatcher.send(post(receiver.url))
    time = 299_999
    await dispatcher.send(post(receiver.url))
    expect(receiver.connections()).toBe(1)
    time = 300_000
    await dispatcher.send(post(receiver.url))
    await dispatcher.send(post(receiver.url))
    expect(receiver.connections()).toBe(2)
  })

  it('to an address that is refused only once connected are closed', async () => {
    const receiver = await echo()
    let checks = 0
    const networkPolicy = { ...loopback, checkAddress: () => ++checks === 1 }
    const dispatcher = localDispatcher({
      networkPolicy,
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    const result = await dispatcher.send(post(`http://name.example:${receiver.port}/`))
    expect(result).toMatchObject({ failure: 'blocked', timing: { totalMs: 0 } })
    expect(checks).toBe(2)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it('are tried in turn when a name has several addresses', async () => {
    const receiver = await echo()
    const resolve = async () => [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]
    const dispatcher = localDispatcher({ resolve })
    const result = await dispatcher.send(post(`http://name.example:${receiver.port}/`))
    expect(result).toMatchObject({ verdict: 'success' })
  })
})

describe('waiting for a connection', () => {
  it('ends at the deadline as our own fault: nothing was sent', async () => {
    const { receiver, held, answerAll } = await holding()
    const dispatcher = localDispatcher({ connectionsPerOrigin: 1 })
    const first = dispatcher.send(post(receiver.url))
    await expect.poll(() => held.length).toBe(1)
    const waiting = await dispatcher.send(post(receiver.url, { timeoutMs: 30 }))
    expect(waiting).toMatchObject({
      ...{ verdict: 'requeue', failure: 'internal', errorCode: 'NO_CONNECTION_FREE', bytesSent: 0 },
    })
    answerAll()
    expect((await first).verdict).toBe('success')
  })

  it('opens none for requests whose time is nearly over', async () => {
    const receiver = await using(tcpReceiver((socket) => socket.resume()))
    const dispatcher = localDispatcher({ connectionsPerOrigin: 2 })
    const results = await Promise.all(
      times(50, () => dispatcher.send(post(receiver.url, { timeoutMs: 500 }))),
    )
    const codes = results.map(({ errorCode }) => errorCode)
    expect(codes.filter((code) => code === 'TIMEOUT')).toHaveLength(2)
    expect(codes.filter((code) => code === 'NO_CONNECTION_FREE')).toHaveLength(48)
    expect(receiver.connections()).toBe(2)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it('leaves the connection to the next when a request is given up', async () => {
    const { receiver, held, answerAll } = await holding()
    const dispatcher = localDispatcher({ connectionsPerOrigin: 1 })
    const controller = new AbortController()
    const first = dispatcher.send(post(receiver.url))
    const second = dispatcher.send(post(receiver.url, { signal: controller.signal }))
    const third = dispatcher.send(post(receiver.url))
    await expect.poll(() => held.length).toBe(1)
    controller.abort()
    expect(await second).toMatchObject({ verdict: 'requeue', failure: 'shutdown' })
    answerAll()
    expect((await first).verdict).toBe('success')
    await expect.poll(() => held.length).toBe(1)
    answerAll()
    expect((await third).verdict).toBe('success')
    expect(receiver.connections()).toBe(1)
  })

  it('goes on over a new connection when the one before it fails', async () => {
    let requests = 0
    const receiver = await using(
      tcpReceiver((socket) =>
        socket.on('data', () => {
          if (++requests === 1) socket.resetAndDestroy()
          else socket.write(OK)
        }),
      ),
    )
    const dispatcher = localDispatcher({ connectionsPerOrigin: 1 })
    const results = await Promise.all(times(5, () => dispatcher.send(post(receiver.url))))
    expect(results.map(({ verdict }) => verdict)).toEqual([
      'retryable',
      'success',
      'success',
      'success',
      'success',
    ])
  })
})

describe('origins', () => {
  it('beyond the bound lose the connections of the least recently used', async () => {
    const receivers = await Promise.all(times(3, echo))
    const dispatcher = localDispatcher({ maxOrigins: 2 })
    const [a, b, c] = receivers
    if (a === undefined || b === undefined || c === undefined) throw new Error('three receivers were started')
    for (const { url } of [a, b, a, c]) await dispatcher.send(post(url))
    await expect.poll(() => b.sockets.size).toBe(0)
    expect([a.sockets.size, c.sockets.size]).toEqual([1, 1])
    await dispatcher.send(post(a.url))
    expect(a.connections()).toBe(1)
  })

  it('in use are never closed, even when all are', async () => {
    const holds = await Promise.all(times(5, holding))
    const dispatcher = localDispatcher({ maxOrigins: 2 })
    const sends = holds.map(({ receiver }) => dispatcher.send(post(receiver.url)))
    for (const { held } of holds) await expect.poll(() => held.length).toBe(1)
    for (const { answerAll } of holds) answerAll()
    expect((await Promise.all(sends)).map(({ verdict }) => verdict)).toEqual(times(5, () => 'success'))
    const last = await echo()
    await dispatcher.send(post(last.url))
    await expect.poll(() => holds.filter(({ receiver }) => receiver.sockets.size > 0).length).toBe(1)
  })
})

describe('close', () => {
  it('waits for what is under way, then closes every connection and refuses more', async () => {
    const { receiver, held, answerAll } = await holding()
    const dispatcher = localDispatcher()
    const sends = times(3, () => dispatcher.send(post(receiver.url)))
    await expect.poll(() => held.length).toBe(3)
    let isClosed = false
    const closed = dispatcher.close().then(() => {
      isClosed = true
    })
    const refused: DispatchResult = await dispatcher.send(post(receiver.url))
    expect(refused).toMatchObject({ verdict: 'requeue', failure: 'shutdown' })
    expect(isClosed).toBe(false)
    answerAll()
    expect((await Promise.all(sends)).every(({ verdict }) => verdict === 'success')).toBe(true)
    await closed
    await expect.poll(() => receiver.sockets.size).toBe(0)
    await dispatcher.close()
  })
})
