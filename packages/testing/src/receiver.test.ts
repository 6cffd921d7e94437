import { connect } from 'node:net'
import { createSigner, generateSecret } from '@posthorn/dispatcher/signing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createReceiver, Receiver } from './receiver.ts'
import { causeCode, post } from './test-support.ts'

let receiver: Receiver
beforeEach(async () => {
  receiver = await createReceiver()
})
afterEach(async () => {
  await receiver.close()
})

describe('the ledger', () => {
  it('keeps every request as it came', async () => {
    const before = Date.now()
    const bytes = Uint8Array.from([0, 255, 10, 13, 128])
    await post(receiver.url('/orders?a=1'), {
      id: 'msg_1',
      body: bytes,
      headers: { 'X-Odd': 'x' },
    })
    const [request] = receiver.received()
    expect(request).toMatchObject({
      number: 1,
      count: 1,
      seen: 1,
      method: 'POST',
      path: '/orders',
      id: 'msg_1',
    })
    expect(request?.url).toBe('/orders?a=1')
    expect(request?.body).toEqual(Buffer.from(bytes))
    expect(request?.bodyBytes).toBe(5)
    expect(request?.headers['x-odd']).toBe('x')
    expect(request?.receivedAt).toBeGreaterThanOrEqual(before)
    expect(request?.end).toEqual({ status: 200 })
  })

  it('counts by path and by id', async () => {
    for (const [path, id] of [
      ['/a', 'msg_1'],
      ['/b', 'msg_1'],
      ['/a', 'msg_2'],
      ['/a', undefined],
    ] as const) {
      await post(receiver.url(path), id === undefined ? {} : { id })
    }
    expect(receiver.received().map(({ number, count, seen }) => [number, count, seen])).toEqual([
      [1, 1, 1],
      [2, 1, 2],
      [3, 2, 1],
      [4, 3, 0],
    ])
    expect(receiver.received('/a')).toHaveLength(3)
    expect(receiver.received('/c')).toEqual([])
    expect(receiver.ids()).toEqual(['msg_1', 'msg_2'])
    expect(receiver.receivedWithId('msg_1').map(({ path }) => path)).toEqual(['/a', '/b'])
  })

  it('tells duplicates from retries', async () => {
    receiver.route('/retried', [{ status: 503 }, { reset: true }, {}])
    for (let i = 0; i < 3; i++) await post(receiver.url('/retried'), { id: 'msg_1' }).catch(() => {})
    for (let i = 0; i < 3; i++) await post(receiver.url('/twice'), { id: 'msg_2' })
    expect(receiver.duplicates()).toEqual([{ id: 'msg_2', times: 3 }])
    expect(receiver.acceptedTimes('msg_1')).toBe(1)
    expect(receiver.summary('/retried')).toBe('3 arrived (1 × 503, 1 × reset, 1 × 200)')
  })

  it('does not keep a request whose body never came whole', async () => {
    const socket = connect(Number(new URL(receiver.url()).port), '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf')
    await receiver.waitFor(() => receiver.inFlight === 1)
    socket.destroy()
    await receiver.waitFor(() => receiver.inFlight === 0)
    await post(receiver.url('/whole'))
    expect(receiver.received().map(({ path }) => path)).toEqual(['/whole'])
  })

  it('keeps only the length of bodies when asked, and can be cleared', async () => {
    await using small = await createReceiver({ keepBodies: false })
    await post(small.url(), { id: 'msg_1', body: 'hello' })
    expect(small.received()[0]).toMatchObject({ bodyBytes: 5, body: Buffer.alloc(0) })
    small.clear()
    expect(small.received()).toEqual([])
    expect(small.ids()).toEqual([])
    await post(small.url(), { id: 'msg_1' })
    expect(small.received()[0]).toMatchObject({ number: 1, count: 1, seen: 1 })
  })

  it('knows how much went on at once', async () => {
    receiver.fallback({ hang: true })
    const stop = new AbortController()
    const hanging = Array.from({ length: 3 }, () =>
      post(receiver.url(), { signal: stop.signal }).catch(() => {}),
    )
    await receiver.waitFor(3)
    expect(receiver.inFlight).toBe(3)
    expect(receiver.connections).toBe(3)
    stop.abort()
    await Promise.all(hanging)
    await receiver.waitFor(() => receiver.inFlight === 0)
    expect(receiver.peakInFlight).toBe(3)
  })
})

describe('scripts', () => {
  it('answer by path, by list and by decision', async () => {
    await using scripted = await createReceiver({
      script: { status: 404 },
      routes: {
        '/list': [{ status: 500 }, { status: 429, headers: { 'retry-after': '7' } }, { body: 'fine' }],
        '/decide': async ({ headers, count }) => ({
          status: headers['x-good'] ? 201 : 400,
          body: String(count),
        }),
      },
    })
    const list = []
    for (let i = 0; i < 4; i++) list.push(await post(scripted.url('/list?n=1')))
    expect(list.map(({ status }) => status)).toEqual([500, 429, 200, 200])
    expect(list[1]?.headers.get('retry-after')).toBe('7')
    expect(list[3]?.text).toBe('fine')
    expect(await post(scripted.url('/decide'), { headers: { 'x-good': '1' } })).toMatchObject({
      status: 201,
      text: '1',
    })
    expect(await post(scripted.url('/decide'))).toMatchObject({ status: 400, text: '2' })
    expect((await post(scripted.url('/other'))).status).toBe(404)
    scripted.route('/list', [{ status: 202 }])
    expect((await post(scripted.url('/list'))).status).toBe(202)
    scripted.fallback({ status: 204 })
    expect((await post(scripted.url('/other'))).status).toBe(204)
  })

  it('that throw fail whoever waits', async () => {
    receiver.fallback(() => {
      throw new Error('mistake in the test')
    })
    const waiting = expect(receiver.waitFor(2)).rejects.toThrow('mistake in the test')
    await expect(post(receiver.url())).rejects.toThrow()
    await waiting
    await expect(receiver.waitFor(2)).rejects.toThrow('mistake in the test')
  })
})

describe('waitFor', () => {
  it('resolves with what arrived, also when it arrived before', async () => {
    const waiting = receiver.waitFor(2, { path: '/a' })
    for (const path of ['/a', '/b', '/a']) await post(receiver.url(path))
    expect((await waiting).map(({ number }) => number)).toEqual([1, 3])
    expect(await receiver.waitFor(3)).toHaveLength(3)
    expect(await receiver.waitFor(0)).toHaveLength(3)
  })

  it('asks a predicate at each arrival and each end', async () => {
    const waiting = receiver.waitFor((requests) => requests.some(({ end }) => end?.status === 418))
    await post(receiver.url())
    receiver.fallback({ status: 418 })
    await post(receiver.url())
    expect((await waiting).at(-1)?.end?.status).toBe(418)
  })

  it('says what did arrive when it gives up', async () => {
    await post(receiver.url('/a'))
    await expect(receiver.waitFor(5, { timeoutMs: 1, path: '/a' })).rejects.toThrow(
      'waited 1 ms for 5 requests at /a; 1 arrived (1 × 200)',
    )
    await expect(receiver.waitFor(() => false, { timeoutMs: 1 })).rejects.toThrow(
      'for the condition; 1 arrived',
    )
  })

  it('passes on what the predicate throws', async () => {
    const broken = () => {
      throw new Error('mistake in the predicate')
    }
    await expect(receiver.waitFor(broken)).rejects.toThrow('mistake in the predicate')
  })
})

describe('close', () => {
  it('ends hanging requests, those who wait, and itself only once', async () => {
    receiver.fallback({ hang: true })
    const hanging = expect(
      post(receiver.url()).catch((error) => Promise.reject(causeCode(error))),
    ).rejects.toBeTruthy()
    await receiver.waitFor(([first]) => first?.end !== undefined)
    const waiting = expect(receiver.waitFor(9)).rejects.toThrow(
      'the receiver was closed; 1 arrived (1 × hang)',
    )
    await receiver.close()
    await Promise.all([hanging, waiting, receiver.close()])
    expect(await post(receiver.url()).catch(causeCode)).toBe('ECONNREFUSED')
  })

  it('works on a receiver that never listened', async () => {
    await expect(new Receiver().close()).resolves.toBeUndefined()
  })
})

describe('a receiver with a secret', () => {
  const { secret } = generateSecret('v1')
  const body = '{"a":1}'
  const signed = (signingSecret: string, sentAt: number) => ({
    id: 'msg_1',
    body,
    headers: {
      'webhook-timestamp': String(sentAt),
      'webhook-signature': createSigner([signingSecret]).sign('msg_1', sentAt, body),
    },
  })

  it('lets signed requests through and answers the others with 401', async () => {
    const now = 1_700_000_000
    await using strict = await createReceiver({ secret, verification: { now: () => now * 1000 } })
    expect((await post(strict.url(), signed(secret, now))).status).toBe(200)
    expect((await post(strict.url(), signed(generateSecret('v1').secret, now))).status).toBe(401)
    expect((await post(strict.url(), signed(secret, now - 301))).status).toBe(401)
    expect((await post(strict.url(), { id: 'msg_1', body })).status).toBe(401)
    expect(strict.received().map(({ verification }) => verification?.ok)).toEqual([true, false, false, false])
    expect(strict.acceptedTimes('msg_1')).toBe(1)
    expect(strict.summary()).toContain('1 × 401 (no_matching_signature)')
  })

  it('refuses a secret that is none', async () => {
    expect(() => new Receiver({ secret: 'hunter2' })).toThrow(TypeError)
  })
})
