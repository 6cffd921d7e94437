import { type Dispatcher, interceptors } from 'undici'
import { describe, expect, it } from 'vitest'
import { httpReceiver, tcpReceiver } from '../../test/receivers.ts'
import { localDispatcher, post, using } from '../../test/sending.ts'
import { createNetworkPolicy } from '../index.ts'

type Interceptor = Dispatcher.DispatcherComposeInterceptor

const addHeader =
  (name: string, value: string): Interceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(
      { ...options, headers: { ...(options.headers as Record<string, string>), [name]: value } },
      handler,
    )

describe('interceptors', () => {
  it('wrap each request, the last one outermost', async () => {
    const seen: unknown[] = []
    const receiver = await using(
      httpReceiver(({ headers }, response) => {
        seen.push([headers['x-a'], headers['x-b']])
        response.end()
      }),
    )
    const dispatcher = localDispatcher({
      interceptors: [addHeader('x-a', 'inner'), addHeader('x-a', 'outer'), addHeader('x-b', 'b')],
    })
    expect((await dispatcher.send(post(receiver.url))).verdict).toBe('success')
    expect(seen).toEqual([['inner', 'b']])
  })

  it('may make options of their own: everything still works, and ends at the deadline', async () => {
    const receiver = await using(tcpReceiver((socket) => socket.resume()))
    const anew: Interceptor =
      (dispatch) =>
      ({ origin, path, method, body }, handler) =>
        dispatch({ ...(origin === undefined ? {} : { origin }), path, method, body: body ?? null }, handler)
    const dispatcher = localDispatcher({ interceptors: [anew] })
    const result = await dispatcher.send(post(receiver.url, { timeoutMs: 100 }))
    expect(result).toMatchObject({ failure: 'timeout', errorCode: 'TIMEOUT' })
    await expect.poll(() => receiver.sockets.size).toBe(0)
  })

  it('of undici can be used', async () => {
    let requests = 0
    const receiver = await using(
      httpReceiver((_, response) => {
        response.statusCode = ++requests < 3 ? 503 : 200
        response.end()
      }),
    )
    const retry = interceptors.retry({
      methods: ['POST'],
      statusCodes: [503],
      minTimeout: 1,
      throwOnError: false,
    })
    const dispatcher = localDispatcher({ interceptors: [retry] })
    const result = await dispatcher.send(post(receiver.url))
    expect(result).toMatchObject({ verdict: 'success', status: 200 })
    expect(requests).toBe(3)
  })

  it.each(['127.0.0.1', 'name.example'])('cannot lead around the network policy: to %s', async (hostname) => {
    const receiver = await using(httpReceiver((_, response) => response.end()))
    const elsewhere: Interceptor = (dispatch) => (options, handler) =>
      dispatch({ ...options, origin: `http://${hostname}:${receiver.port}` }, handler)
    const dispatcher = localDispatcher({
      networkPolicy: createNetworkPolicy({ allowedCidrs: ['127.0.0.2'] }),
      interceptors: [elsewhere],
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    const result = await dispatcher.send(post('http://127.0.0.2/'))
    expect(result).toMatchObject({ failure: 'blocked', timing: { totalMs: 0 } })
    expect(receiver.connections()).toBe(0)
  })

  it('that throw are a fault of our own', async () => {
    const broken: Interceptor = () => () => {
      throw new Error('interceptor is broken')
    }
    const dispatcher = localDispatcher({ interceptors: [broken] })
    const result = await dispatcher.send(post('http://127.0.0.1/'))
    expect(result).toMatchObject({ verdict: 'requeue', failure: 'internal' })
    expect(result.errorMessage).toContain('interceptor is broken')
  })

  it('that never answer are ended by the deadline', async () => {
    const dispatcher = localDispatcher({ interceptors: [() => () => true] })
    const result = await dispatcher.send(post('http://127.0.0.1/', { timeoutMs: 30 }))
    expect(result).toMatchObject({ failure: 'timeout' })
  })
})
