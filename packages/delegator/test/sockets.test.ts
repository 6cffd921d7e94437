import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createDispatcher, createNetworkPolicy, type DispatcherOptions } from '@posthorn/dispatcher'
import { describe, expect, it } from 'vitest'
import { type CallableCapability, type CallResult, createDelegator } from '../src/index.ts'
import { appWith, capability, directoryOf } from './apps.ts'
import { closing } from './delegators.ts'
import { RecordingLog } from './recording-log.ts'
import { answering, dripping, nameless, nobody, onRequest, response, type Server, serve } from './servers.ts'
import { watchStalls } from './stalls.ts'

/** Long enough for what was sent to arrive on a busy machine. */
const TIMEOUT_MS = 600
const networkPolicy = createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] })

interface Trouble {
  readonly name: string
  start(): Promise<Server>
  readonly reason: string
  readonly status?: number
  readonly dispatcher?: DispatcherOptions
  /** The connection can be used again. */
  readonly isKept?: true
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const unknownName = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })

const TROUBLES: readonly Trouble[] = [
  { name: 'accepts and never answers', start: () => serve((socket) => socket.resume()), reason: 'timeout' },
  {
    name: 'sends headers and stalls',
    start: () => answering(`${OK}content-length: 100\r\n\r\n{"a":`),
    reason: 'timeout',
    status: 200,
  },
  {
    name: 'drips a byte a second',
    start: () => dripping(`${OK}content-length: 100000\r\n\r\n`, 1_000),
    reason: 'timeout',
    status: 200,
  },
  {
    name: 'drips a byte each few milliseconds',
    start: () => dripping(`${OK}content-length: 100000\r\n\r\n`, 5),
    reason: 'timeout',
    status: 200,
  },
  {
    name: 'answers 10 MB',
    start: () => answering(response(Buffer.alloc(10_485_760, '['))),
    reason: 'invalid_response',
    status: 200,
  },
  {
    name: 'answers HTML',
    start: () => answering(response('<!doctype html><h1>Under construction</h1>', '200 OK', 'text/html')),
    reason: 'invalid_response',
    status: 200,
    isKept: true,
  },
  {
    name: 'answers a wrong shape',
    start: () => answering(response('{"correct":"yes"}')),
    reason: 'invalid_response',
    status: 200,
    isKept: true,
  },
  {
    name: 'says that it failed',
    start: () => answering(response('{"success":false,"error":"sold out"}')),
    reason: 'app_error',
    status: 200,
    isKept: true,
  },
  { name: 'resets', start: () => onRequest((socket) => socket.resetAndDestroy()), reason: 'connection' },
  { name: 'closes', start: () => onRequest((socket) => socket.end()), reason: 'connection' },
  {
    name: 'closes in the middle of its body',
    start: () => onRequest((socket) => socket.end(`${OK}content-length: 100\r\n\r\n{"a":`)),
    reason: 'connection',
    status: 200,
  },
  { name: 'speaks no HTTP', start: () => answering('220 smtp.example ESMTP\r\n\r\n'), reason: 'connection' },
  { name: 'refuses', start: nobody, reason: 'connection' },
  {
    name: 'has no DNS',
    start: nameless,
    reason: 'dns',
    dispatcher: { resolve: () => Promise.reject(unknownName) },
  },
  {
    name: 'has a silent name server',
    start: nameless,
    reason: 'timeout',
    dispatcher: { resolve: () => new Promise(() => {}) },
  },
  {
    name: 'answers 503',
    start: () => answering(response('{}', '503 Service Unavailable')),
    reason: 'http_5xx',
    status: 503,
    isKept: true,
  },
  {
    name: 'answers 404',
    start: () => answering(response('{}', '404 Not Found')),
    reason: 'http_4xx',
    status: 404,
    isKept: true,
  },
  {
    name: 'redirects',
    start: () =>
      answering('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
    reason: 'http_3xx',
    status: 302,
    isKept: true,
  },
]

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

function delegatorFor(capabilities: readonly CallableCapability[], options: DispatcherOptions = {}) {
  const log = new RecordingLog()
  const dispatcher = closing(createDispatcher({ networkPolicy, ...options }))
  const apps = directoryOf(appWith(...capabilities))
  const delegator = closing(createDelegator({ apps, dispatcher, log }))
  return { delegator, dispatcher, log }
}

const responseSchema = {
  type: 'object',
  properties: { correct: { type: 'boolean' } },
  required: ['correct'],
}

describe.each(TROUBLES)('an app that $name', ({ start, reason, status, dispatcher: options, isKept }) => {
  it('has its place taken within the bound, and leaves nothing behind', async () => {
    const server = closing(await start())
    const timersBefore = timers()
    const { delegator, dispatcher, log } = delegatorFor(
      [capability({ url: server.url, timeoutMs: TIMEOUT_MS, responseSchema })],
      options,
    )
    const controller = new AbortController()
    const stalls = watchStalls()
    const result = await delegator.call('app', 'quiz_answer', { answer: 'b' }, { signal: controller.signal })
    const bound = stalls.boundOf(TIMEOUT_MS)
    expect(result).toMatchObject({
      outcome: 'fallback',
      source: 'static',
      data: 'in its place',
      reason,
      attempts: 1,
    })
    expect(result.durationMs).toBeLessThanOrEqual(bound)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    await expect.poll(() => server.sockets.size).toBeLessThanOrEqual(isKept ? 1 : 0)
    await delegator.close()
    await dispatcher.close()
    await expect.poll(() => server.sockets.size).toBe(0)
    await expect.poll(timers).toBeLessThanOrEqual(timersBefore)
    expect(log.attempts).toMatchObject([{ success: false, failure: reason, status: status ?? null }])
    expect(log.calls).toMatchObject([{ outcome: 'fallback', reason }])
    expect(log.incidents).toEqual([])
  })
})

describe('a healthy app', () => {
  it.each([
    ['bare', '{"correct":true}'],
    ['wrapped', '{"success":true,"data":{"correct":true}}'],
  ])('answers in the %s form', async (_, body) => {
    const server = closing(await answering(response(body)))
    const { delegator, log } = delegatorFor([capability({ url: server.url, responseSchema })])
    const result = await delegator.call('app', 'quiz_answer', { answer: 'b' })
    expect(result).toMatchObject({ outcome: 'ok', source: 'app', data: { correct: true }, attempts: 1 })
    await delegator.close()
    expect(log.attempts).toMatchObject([{ success: true, responseBody: null }])
  })

  it('may be given up by the caller, which closes the connection', async () => {
    const server = closing(await serve((socket) => socket.resume()))
    const { delegator } = delegatorFor([capability({ url: server.url, timeoutMs: 30_000 })])
    const controller = new AbortController()
    const calling = delegator.call('app', 'quiz_answer', 1, { signal: controller.signal })
    await expect.poll(() => server.sockets.size).toBe(1)
    controller.abort(new Error('the user went away'))
    await expect(calling).rejects.toThrow('the user went away')
    await expect.poll(() => server.sockets.size).toBe(0)
    await delegator.close()
  })
})

/** Garbage that is not collected yet says nothing about what is kept. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

describe.each([100, 1_000])('%i calls at once to an app that hangs', (count) => {
  it('all time out within the bound, beside an app that is well', async () => {
    const hanging = closing(await serve((socket) => socket.resume()))
    const healthy = closing(await answering(response('{"correct":true}')))
    const { delegator, dispatcher, log } = delegatorFor([
      capability({ url: hanging.url, timeoutMs: 2_000 }),
      capability({ url: healthy.url, name: 'healthy', timeoutMs: 10_000 }),
    ])
    await delegator.call('app', 'healthy', 0)
    const timersBefore = timers()
    const heapBefore = heapInUse()
    const stalls = watchStalls()
    const hung = Promise.all(
      Array.from({ length: count }, (_, n) =>
        delegator.call('app', 'quiz_answer', { n, pad: 'x'.repeat(1_000) }),
      ),
    )
    let isOver = false
    const over = hung.then(() => {
      isOver = true
    })
    const answers: CallResult[] = []
    while (!isOver) answers.push(await delegator.call('app', 'healthy', answers.length))
    await over

    const bound = stalls.boundOf(2_000)
    const results = await hung
    expect(results.every(({ outcome, reason }) => outcome === 'fallback' && reason === 'timeout')).toBe(true)
    expect(Math.max(...results.map(({ durationMs }) => durationMs))).toBeLessThanOrEqual(bound)
    expect(answers.every(({ outcome }) => outcome === 'ok')).toBe(true)
    expect(answers.length).toBeGreaterThan(0)
    const durations = answers.map(({ durationMs }) => durationMs).sort((a, b) => a - b)
    expect(durations[Math.floor(durations.length * 0.99)]).toBeLessThan(bound - 2_000)

    await delegator.flush()
    await expect.poll(() => hanging.sockets.size).toBe(0)
    await expect.poll(timers).toBeLessThanOrEqual(timersBefore + 2)
    const waited = results.filter(({ attempts }) => attempts === 0).length
    // Whoever found no connection free in time has made no request.
    expect(hanging.connections()).toBeLessThanOrEqual(count - waited)
    expect(hanging.connections()).toBeGreaterThanOrEqual(Math.min(count, 256))
    expect(waited).toBeGreaterThanOrEqual(count > 256 ? 1 : 0)
    expect((await delegator.circuits.state('app', 'quiz_answer')).name).toBe('open')
    await delegator.close()
    expect(log.calls).toHaveLength(count + answers.length + 1)
    expect(log.attempts.filter(({ capability: name }) => name === 'quiz_answer')).toHaveLength(count - waited)
    await dispatcher.close()
    log.calls.length = 0
    log.attempts.length = 0
    answers.length = 0
    results.length = 0
    expect(heapInUse() - heapBefore).toBeLessThan(16 * 2 ** 20)
  })
})
