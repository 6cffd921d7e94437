import { formatId, PosthornError, parseTraceparent } from '@posthorn/core'
import { verify, verifyCall } from '@posthorn/dispatcher/signing'
import { describe, expect, it } from 'vitest'
import { capability, SECRET } from '../test/apps.ts'
import { stage } from '../test/delegators.ts'
import { answered, failed } from '../test/fake-dispatcher.ts'
import { createDelegator, MemoryAppDirectory, parseManifest } from './index.ts'

const now = { afterMs: 5, result: answered({ correct: true }) }
const hangs = { afterMs: Number.POSITIVE_INFINITY, result: answered(null) }

describe('a call', () => {
  it("gives the app's answer", async () => {
    const { delegator, time, log } = stage([now])
    const result = await time.run(delegator.call('app', 'quiz_answer', { answer: 'b' }))
    expect(result).toEqual({
      callId: expect.stringMatching(/^call_[0-9a-f]{32}$/),
      requestId: expect.stringMatching(/^req_[0-9a-f]{32}$/),
      outcome: 'ok',
      source: 'app',
      data: { correct: true },
      durationMs: 5,
      attempts: 1,
    })
    await time.run(delegator.close())
    expect(log.calls).toHaveLength(1)
    expect(log.calls[0]).toMatchObject({
      ...{
        appId: 'app',
        endpointId: 'app/quiz_answer',
        capability: 'quiz_answer',
        requestId: result.requestId,
      },
      ...{ outcome: 'ok', source: 'app', fallback: null, reason: null, durationMs: 5, attempts: 1 },
    })
    expect(formatId('call', log.calls[0]?.id ?? '')).toBe(result.callId)
    expect(log.attempts).toMatchObject([
      { callId: log.calls[0]?.id, number: 1, success: true, status: 200, failure: null, responseBody: null },
    ])
    expect(log.notifications).toEqual([])
    expect(log.incidents).toEqual([])
  })

  it('takes what its caller has waited already off its deadline', async () => {
    const { delegator, dispatcher, time } = stage([hangs])
    const result = await time.run(delegator.call('app', 'quiz_answer', 1, { waitedMs: 600 }))
    expect(result).toMatchObject({ outcome: 'fallback', reason: 'timeout', durationMs: 1_000 })
    expect(dispatcher.requests[0]).toMatchObject({ timeoutMs: 400 })
    expect(time.monotonic()).toBe(400)
    await expect(delegator.call('app', 'quiz_answer', 1, { waitedMs: -1 })).rejects.toThrow('waitedMs')
    await time.run(delegator.close())
  })

  it('is sent signed in both ways, with all it has to say', async () => {
    const { delegator, dispatcher, time } = stage([now])
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const options = { requestId: 'req_abc', traceparent, context: { roomId: 'secret room' } }
    const { callId } = await time.run(delegator.call('app', 'quiz_answer', { answer: 'b' }, options))
    const [request] = dispatcher.requests
    const { headers = {}, body = '' } = request ?? {}
    expect(body).toBe('{"answer":"b"}')
    expect(request).toMatchObject({ url: 'https://app.example/', timeoutMs: 1_000, connectTimeoutMs: 1_000 })
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': callId,
      'x-event-id': callId,
      'x-event-type': 'quiz_answer',
      'x-request-id': 'req_abc',
      'x-timeout-ms': '1000',
      'x-retry-attempt': '1',
      'x-max-attempts': '1',
    })
    const trace = parseTraceparent(headers['traceparent'])
    expect(trace?.traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
    expect(trace?.spanId).not.toBe('00f067aa0ba902b7')
    expect(JSON.stringify(request)).not.toContain('secret room')
    const nowMs = time.now()
    const signature = headers['x-platform-signature']
    expect(verifyCall(signature, { secret: SECRET, requestId: 'req_abc', body, nowMs })).toBe(true)
    expect(verifyCall(signature, { secret: SECRET, requestId: 'req_abd', body, nowMs })).toBe(false)
    expect(verify(body, headers, SECRET, { now: () => nowMs }).ok).toBe(true)
  })

  it('is signed with a secret of any text in the one way only', async () => {
    const time = stage([now])
    const apps = new MemoryAppDirectory()
    const manifest = parseManifest({ webhooks: { quiz_answer: 'https://app.example/' } })
    if (!manifest.ok) throw new Error('the manifest is right')
    apps.set('plain', { secret: 'an old secret', manifest: manifest.value })
    const { dispatcher, time: clock } = time
    const delegator = createDelegator({ apps, dispatcher, clock, timers: clock })
    await clock.run(delegator.call('plain', 'quiz_answer', 1))
    const headers = dispatcher.requests[0]?.headers ?? {}
    expect(headers['webhook-signature']).toBeUndefined()
    const call = {
      secret: 'an old secret',
      requestId: headers['x-request-id'] ?? '',
      body: '1',
      nowMs: clock.now(),
    }
    expect(verifyCall(headers['x-platform-signature'], call)).toBe(true)
  })

  it('sends JSON text byte for byte where it is given', async () => {
    const { delegator, dispatcher, time } = stage([now])
    const payloadText = '{ "n": 1e400, "big": 12345678901234567890 }'
    await time.run(delegator.call('app', 'quiz_answer', JSON.parse(payloadText), { payloadText }))
    expect(dispatcher.requests[0]?.body).toBe(payloadText)
  })

  it('names every mistake of its caller at once', async () => {
    const { delegator } = stage([now])
    const round: unknown[] = []
    round.push(round)
    const wrong = delegator.call('', 'Quiz', round, { requestId: 'a.b', context: [] as never })
    await expect(wrong).rejects.toMatchObject({
      code: 'validation',
      issues: ['app', 'capability', 'payload', 'context', 'requestId'].map((path) => ({ path })),
    })
    await expect(delegator.call('app', 'quiz_answer', undefined)).rejects.toMatchObject({
      code: 'validation',
    })
  })

  it('tells of an app and of a capability that there is not', async () => {
    const { delegator, log } = stage([now])
    await expect(delegator.call('nobody', 'quiz_answer', 1)).rejects.toMatchObject({ code: 'not_found' })
    await expect(delegator.call('app', 'constructor', 1)).rejects.toMatchObject({ code: 'not_found' })
    await delegator.close()
    expect(log.calls).toEqual([])
  })

  it('rejects with the reason of its signal at once, and leaves the app in peace', async () => {
    const { delegator, time, dispatcher, log } = stage([hangs])
    const controller = new AbortController()
    const { signal } = controller
    const calling = delegator.call('app', 'quiz_answer', 1, { signal })
    time.after(100, () => controller.abort(new Error('the user went away')))
    await expect(time.run(calling)).rejects.toThrow('the user went away')
    expect(time.monotonic()).toBe(100)
    expect(dispatcher.requests[0]?.signal?.aborted).toBe(true)
    await expect(delegator.call('app', 'quiz_answer', 1, { signal })).rejects.toThrow('the user went away')
    await time.run(delegator.close())
    expect(log.calls).toMatchObject([{ outcome: 'abandoned', source: null, durationMs: 100 }])
    expect(log.incidents).toEqual([])
  })

  it('is refused by a delegator that was closed, which first waits for those under way', async () => {
    const { delegator, time } = stage([now])
    const calling = delegator.call('app', 'quiz_answer', 1)
    const closed = delegator.close()
    await expect(delegator.call('app', 'quiz_answer', 1)).rejects.toMatchObject({ code: 'unavailable' })
    await time.run(closed)
    expect((await calling).outcome).toBe('ok')
  })
})

describe('a retry', () => {
  const retry = { ...capability({ url: 'https://app.example/' }).retry, maxAttempts: 3, initialDelayMs: 100 }

  it('is made only if the manifest says so', async () => {
    const { delegator, time, dispatcher } = stage([{ afterMs: 1, result: failed('http_5xx') }, now])
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ outcome: 'fallback', reason: 'http_5xx', attempts: 1 })
    expect(dispatcher.requests).toHaveLength(1)
  })

  it('waits between attempts and gets what is left of the time', async () => {
    const replies = [
      { afterMs: 50, result: failed('connection') },
      { afterMs: 50, result: failed('http_5xx') },
      now,
    ]
    const { delegator, time, dispatcher, log } = stage(replies, { capability: { retry } })
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ outcome: 'ok', attempts: 3, durationMs: 50 + 100 + 50 + 200 + 5 })
    const told = dispatcher.requests.map(({ headers }) => [
      headers['x-retry-attempt'],
      headers['x-timeout-ms'],
    ])
    expect(told).toEqual([
      ['1', '1000'],
      ['2', '850'],
      ['3', '600'],
    ])
    expect(new Set(dispatcher.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    await time.run(delegator.close())
    expect(log.attempts.map(({ number, failure }) => [number, failure])).toEqual([
      [1, 'connection'],
      [2, 'http_5xx'],
      [3, null],
    ])
  })

  it('is not made when Retry-After leaves no time, nor after a refusal', async () => {
    const later = { afterMs: 1, result: failed('http_429', 'retryable', { retryAfterMs: 995 }) }
    const impatient = stage([later, now], { capability: { retry } })
    const first = await impatient.time.run(impatient.delegator.call('app', 'quiz_answer', 1))
    expect(first).toMatchObject({ reason: 'http_429', attempts: 1 })
    const refused = stage([{ afterMs: 1, result: failed('http_4xx', 'permanent') }, now], {
      capability: { retry },
    })
    const second = await refused.time.run(refused.delegator.call('app', 'quiz_answer', 1))
    expect(second).toMatchObject({ reason: 'http_4xx', attempts: 1 })
  })

  it('is not made once the circuit has opened', async () => {
    const many = { ...retry, maxAttempts: 20, maxDelayMs: 1, initialDelayMs: 1 }
    const { delegator, time } = stage([{ afterMs: 1, result: failed('connection') }], {
      capability: { retry: many },
    })
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ reason: 'connection', attempts: 5 })
  })
})

describe('an operation', () => {
  it('spends one budget over all its calls', async () => {
    const { delegator, time, dispatcher } = stage([{ afterMs: 400, result: answered(1) }], {
      capability: { timeoutMs: 1_000 },
    })
    const operation = delegator.operation({ budgetMs: 1_000 })
    const results = []
    for (let n = 0; n < 4; n++) results.push(await time.run(operation.call('app', 'quiz_answer', n)))
    expect(results.map(({ outcome, reason }) => reason ?? outcome)).toEqual([
      'ok',
      'ok',
      'timeout',
      'budget_exhausted',
    ])
    expect(dispatcher.requests.map(({ timeoutMs }) => timeoutMs)).toEqual([1_000, 600, 200])
    expect(operation.leftMs).toBe(0)
    expect(time.monotonic()).toBe(1_000)
  })

  it('does not blame an app for the little time that it left', async () => {
    const { delegator, time } = stage([hangs])
    for (let n = 0; n < 10; n++) {
      const operation = delegator.operation({ budgetMs: 400 })
      expect(await time.run(operation.call('app', 'quiz_answer', n))).toMatchObject({ reason: 'timeout' })
    }
    expect(await delegator.circuits.state('app', 'quiz_answer')).toMatchObject({
      name: 'closed',
      consecutiveFailures: 0,
    })
  })

  it('can be given up as a whole, each call as well', async () => {
    const { delegator, time } = stage([hangs])
    const whole = new AbortController()
    const one = new AbortController()
    const operation = delegator.operation({ budgetMs: 1_000, signal: whole.signal })
    const first = operation.call('app', 'quiz_answer', 1, { signal: one.signal })
    const second = operation.call('app', 'quiz_answer', 2)
    one.abort(new Error('one'))
    await expect(first).rejects.toThrow('one')
    whole.abort(new Error('all'))
    await expect(second).rejects.toThrow('all')
    await time.run(delegator.close())
  })

  it.each([0, -1, Number.NaN, 300_001])('has no budget of %d ms', (budgetMs) => {
    expect(() => stage([now]).delegator.operation({ budgetMs })).toThrow('budgetMs')
  })
})

describe("fallback: 'none'", () => {
  it.each([
    [hangs, 'WebhookTimeoutError', 'timeout', 'timeout'],
    [
      { afterMs: 1, result: failed('http_5xx', 'retryable', { status: 503 }) },
      'WebhookResponseError',
      'unavailable',
      'http_5xx',
    ],
    [
      { afterMs: 1, result: answered({ success: false, error: 'no' }) },
      'WebhookResponseError',
      'unavailable',
      'app_error',
    ],
    [{ afterMs: 1, result: failed('dns') }, 'WebhookConnectionError', 'unavailable', 'dns'],
    [
      { afterMs: 1, result: failed('blocked', 'permanent') },
      'WebhookConnectionError',
      'unavailable',
      'blocked',
    ],
    [{ afterMs: 1, result: failed('internal', 'requeue') }, 'WebhookCallError', 'unavailable', 'internal'],
  ])('makes a typed error of what went wrong', async (reply, name, code, reason) => {
    const { delegator, time, log } = stage([reply])
    const calling = delegator.call('app', 'quiz_answer', 1, { fallback: 'none' })
    const error: unknown = await time.run(calling).catch((thrown) => thrown)
    expect(PosthornError.is(error)).toBe(true)
    expect(error).toMatchObject({ name, code, reason, appId: 'app', capability: 'quiz_answer', attempts: 1 })
    await time.run(delegator.close())
    expect(log.calls).toMatchObject([{ outcome: 'failed', reason, source: null, fallback: null }])
    expect(log.notifications).toEqual([])
  })

  it('may stand in the manifest, and tells of an open circuit', async () => {
    const fallback = { strategy: 'none', options: {} }
    const { delegator, time } = stage([{ afterMs: 1, result: failed('connection') }], {
      capability: { fallback },
    })
    for (let n = 0; n < 5; n++) await time.run(delegator.call('app', 'quiz_answer', n)).catch(() => undefined)
    const error = await time.run(delegator.call('app', 'quiz_answer', 6)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      name: 'WebhookCircuitOpenError',
      code: 'circuit_open',
      retryAfterMs: 60_000,
      attempts: 0,
    })
  })
})

describe('a circuit', () => {
  it('opens, answers by the fallback without asking the app, and can be reset', async () => {
    const { delegator, time, dispatcher, log } = stage([{ afterMs: 1, result: failed('connection') }])
    for (let n = 0; n < 5; n++) await time.run(delegator.call('app', 'quiz_answer', n))
    const startedAt = time.monotonic()
    const result = await time.run(delegator.call('app', 'quiz_answer', 6))
    expect(result).toMatchObject({
      outcome: 'fallback',
      reason: 'circuit_open',
      attempts: 0,
      data: 'in its place',
    })
    expect(time.monotonic()).toBe(startedAt)
    expect(dispatcher.requests).toHaveLength(5)
    expect((await delegator.circuits.state('app', 'quiz_answer')).name).toBe('open')
    expect((await delegator.circuits.reset('app', 'quiz_answer')).name).toBe('closed')
    expect(await time.run(delegator.call('app', 'quiz_answer', 7))).toMatchObject({ attempts: 1 })
    expect((await delegator.circuits.force('app', 'quiz_answer', 'forced_open')).name).toBe('forced_open')
    expect(await time.run(delegator.call('app', 'quiz_answer', 8))).toMatchObject({ reason: 'circuit_open' })
    await expect(delegator.circuits.reset('app', 'nothing')).rejects.toMatchObject({ code: 'not_found' })
    await time.run(delegator.close())
    expect(log.circuitChanges.map(({ to, endpointId }) => [to, endpointId])).toEqual(
      ['open', 'closed', 'forced_open'].map((to) => [to, 'app/quiz_answer']),
    )
    expect(log.calls).toHaveLength(8)
  })

  it.each([
    ['timeout', hangs, 5],
    [
      'an invalid response',
      { afterMs: 1, result: { ...answered(1), responseBody: Buffer.from('<html>') } },
      5,
    ],
    ['5xx', { afterMs: 1, result: failed('http_5xx') }, 5],
    ['4xx', { afterMs: 1, result: failed('http_4xx', 'permanent') }, 0],
    ['an error of the app', { afterMs: 1, result: answered({ success: false }) }, 0],
    ['an address that is not allowed', { afterMs: 1, result: failed('blocked', 'permanent') }, 0],
    [
      'no connection free',
      { afterMs: 1, result: failed('internal', 'requeue', { errorCode: 'NO_CONNECTION_FREE' }) },
      0,
    ],
  ])('counts %s', async (_, reply, counted) => {
    const { delegator, time } = stage([reply])
    for (let n = 0; n < 5; n++) await time.run(delegator.call('app', 'quiz_answer', n))
    const { name } = await delegator.circuits.state('app', 'quiz_answer')
    expect(name).toBe(counted === 5 ? 'open' : 'closed')
  })

  it('of one capability is not that of another', async () => {
    const others = [capability({ url: 'https://app.example/b', name: 'other' })]
    const { delegator, time } = stage([{ afterMs: 1, result: failed('connection') }], { others })
    for (let n = 0; n < 6; n++) await time.run(delegator.call('app', 'quiz_answer', n))
    expect(await time.run(delegator.call('app', 'other', 1))).toMatchObject({
      reason: 'connection',
      attempts: 1,
    })
  })

  it('is not there for an operator who wants none', async () => {
    const { delegator, time } = stage([{ afterMs: 1, result: failed('connection') }], {
      options: { circuitBreaker: false },
    })
    for (let n = 0; n < 20; n++) {
      expect(await time.run(delegator.call('app', 'quiz_answer', n))).toMatchObject({ attempts: 1 })
    }
  })
})

describe('cacheTtl', () => {
  it('serves the same payload again without the app, for as long as it says', async () => {
    const { delegator, time, dispatcher } = stage([now], { capability: { cacheTtlMs: 1_000 } })
    await time.run(delegator.call('app', 'quiz_answer', { a: 1 }))
    time.advance(500)
    const again = await time.run(delegator.call('app', 'quiz_answer', { a: 1 }))
    expect(again).toMatchObject({
      outcome: 'ok',
      source: 'cache',
      data: { correct: true },
      ageMs: 500,
      attempts: 0,
    })
    await time.run(delegator.call('app', 'quiz_answer', { a: 2 }))
    expect(dispatcher.requests).toHaveLength(2)
    time.advance(500)
    expect(await time.run(delegator.call('app', 'quiz_answer', { a: 1 }))).toMatchObject({ source: 'app' })
  })

  it('keeps no failure, and no answer that a caller could change', async () => {
    const replies = [
      { afterMs: 1, result: failed('http_5xx') },
      { afterMs: 1, result: answered({ list: [1] }) },
    ]
    const { delegator, time } = stage(replies, { capability: { cacheTtlMs: 1_000 } })
    await time.run(delegator.call('app', 'quiz_answer', 1))
    const { data } = await time.run(delegator.call('app', 'quiz_answer', 1))
    ;(data as { list: number[] }).list.push(2)
    expect(await time.run(delegator.call('app', 'quiz_answer', 1))).toMatchObject({
      source: 'cache',
      data: { list: [1] },
    })
  })
})

describe('an asynchronous capability', () => {
  it('is queued, and its caller gets the id at once', async () => {
    const queued: unknown[] = []
    const queue = {
      async enqueue(call: unknown) {
        queued.push(call)
        return { deliveryId: 'dlv_1' }
      },
    }
    const { delegator, time, dispatcher, log } = stage([now], {
      capability: { isAsync: true },
      options: { queue },
    })
    const result = await time.run(
      delegator.call('app', 'quiz_answer', { a: 1 }, { context: { roomId: 'r' } }),
    )
    expect(result).toMatchObject({
      outcome: 'queued',
      source: 'queue',
      data: { deliveryId: 'dlv_1' },
      attempts: 0,
    })
    expect(dispatcher.requests).toEqual([])
    expect(queued).toMatchObject([
      {
        appId: 'app',
        endpointId: 'app/quiz_answer',
        url: 'https://app.example/',
        payloadText: '{"a":1}',
        context: { roomId: 'r' },
      },
    ])
    await time.run(delegator.close())
    expect(log.calls).toMatchObject([{ outcome: 'queued' }])
  })

  it('has its fallback when it cannot be queued', async () => {
    const { delegator, time, log } = stage([now], { capability: { isAsync: true } })
    const result = await time.run(delegator.call('app', 'quiz_answer', 1))
    expect(result).toMatchObject({ outcome: 'fallback', reason: 'unavailable', data: 'in its place' })
    await time.run(delegator.close())
    expect(log.incidents).toMatchObject([{ kind: 'queue' }])
  })
})

describe('createDelegator', () => {
  it('refuses defaults and strategies that make no sense, all of them', () => {
    const apps = new MemoryAppDirectory()
    const defaults = {
      timeoutMs: 5,
      timeoutMsByCapability: { quiz_answer: 40_000 },
      fallbackByCapability: { a: 'nobody', b: 'none' },
    }
    expect(() => createDelegator({ apps, defaults })).toThrow(
      /defaults\.timeoutMs: .*\n.*timeoutMsByCapability\.quiz_answer.*\n.*fallbackByCapability\.a/,
    )
  })
})
