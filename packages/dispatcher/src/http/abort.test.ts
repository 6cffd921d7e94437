import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { httpReceiver, tcpReceiver } from '../../test/receivers.ts'
import { localDispatcher, post, using } from '../../test/sending.ts'

const aborted = { verdict: 'requeue', failure: 'shutdown', errorCode: 'ABORTED' }

const silent = () => using(tcpReceiver((socket) => socket.resume()))

describe('giving a request up', () => {
  it('before it begins makes no connection', async () => {
    const receiver = await silent()
    const result = await localDispatcher().send(post(receiver.url, { signal: AbortSignal.abort() }))
    expect(result).toMatchObject(aborted)
    expect(receiver.connections()).toBe(0)
  })

  it('while its name is resolved', async () => {
    const controller = new AbortController()
    const asked = Promise.withResolvers<void>()
    const resolve = () => {
      asked.resolve()
      return new Promise<never>(() => {})
    }
    const sent = localDispatcher({ resolve }).send(
      post('http://silent.example/', { signal: controller.signal }),
    )
    await asked.promise
    controller.abort()
    expect(await sent).toMatchObject(aborted)
  })

  it('during the TLS handshake closes the socket', async () => {
    const receiver = await silent()
    const controller = new AbortController()
    const url = receiver.url.replace('http:', 'https:')
    const sent = localDispatcher().send(post(url, { signal: controller.signal, connectTimeoutMs: 60_000 }))
    await expect.poll(() => receiver.sockets.size).toBe(1)
    controller.abort()
    expect(await sent).toMatchObject(aborted)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it('while it waits for the response closes the socket', async () => {
    const receiver = await silent()
    const controller = new AbortController()
    const sent = localDispatcher().send(post(receiver.url, { signal: controller.signal }))
    await expect.poll(() => receiver.sockets.size).toBe(1)
    controller.abort(new Error('anything'))
    expect(await sent).toMatchObject(aborted)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it('in the middle of the body', async () => {
    const receiver = await using(httpReceiver((_, response) => response.writeHead(200).write('part')))
    const controller = new AbortController()
    const sent = localDispatcher().send(post(receiver.url, { signal: controller.signal }))
    await expect.poll(() => receiver.sockets.size).toBe(1)
    controller.abort()
    expect(await sent).toMatchObject(aborted)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it('has no effect once it is over', async () => {
    const receiver = await using(httpReceiver((_, response) => response.end('ok')))
    const controller = new AbortController()
    const dispatcher = localDispatcher()
    expect((await dispatcher.send(post(receiver.url, { signal: controller.signal }))).verdict).toBe('success')
    controller.abort()
    expect((await dispatcher.send(post(receiver.url))).verdict).toBe('success')
    expect(receiver.connections()).toBe(1)
  })

  it('costs one listener for any number of requests that share a signal', async () => {
    const receiver = await silent()
    const controller = new AbortController()
    const dispatcher = localDispatcher()
    const sends = Array.from({ length: 100 }, () =>
      dispatcher.send(post(receiver.url, { signal: controller.signal })),
    )
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    await expect.poll(() => receiver.sockets.size).toBe(100)
    controller.abort()
    for (const result of await Promise.all(sends)) expect(result).toMatchObject(aborted)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })
})
