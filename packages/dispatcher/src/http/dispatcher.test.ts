import { describe, expect, it } from 'vitest'
import { answering, httpReceiver, httpsReceiver, readCertificate } from '../../test/receivers.ts'
import { localDispatcher, post, using } from '../../test/sending.ts'
import { toStorableText } from '../index.ts'

interface Seen {
  method: string | undefined
  url: string | undefined
  headers: Record<string, unknown>
  body: Buffer
}

/** A receiver that remembers the requests it got. */
async function recorder() {
  const seen: Seen[] = []
  const receiver = await using(
    httpReceiver((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        const { method, url, headers } = request
        seen.push({ method, url, headers, body: Buffer.concat(chunks) })
        response.end('thanks')
      })
    }),
  )
  return { seen, receiver }
}

const respond = (head: string, body = '') =>
  using(answering(`HTTP/1.1 ${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`))

describe('what is sent', () => {
  it('is the method, path, headers and bytes of the request', async () => {
    const { seen, receiver } = await recorder()
    const body = Uint8Array.of(0, 0xff, 0xfe, 0x0d, 0x0a, 0x80)
    const result = await localDispatcher().send(
      post(`${receiver.url}/a%20b?x=1&y#part`, { headers: { 'x-a': 'b', 'Content-Type': 'text/x' }, body }),
    )
    expect(result).toMatchObject({ verdict: 'success', status: 200, bytesSent: 6, bytesReceived: 6 })
    expect(seen).toEqual([
      {
        method: 'POST',
        url: '/hook/a%20b?x=1&y',
        headers: {
          host: `127.0.0.1:${receiver.port}`,
          connection: 'keep-alive',
          'content-length': '6',
          'x-a': 'b',
          'content-type': 'text/x',
        },
        body: Buffer.from(body),
      },
    ])
  })

  it('is UTF-8 where the body is text', async () => {
    const { seen, receiver } = await recorder()
    const result = await localDispatcher().send(post(receiver.url, { body: '{"gruß":"📯"}' }))
    expect(result.bytesSent).toBe(Buffer.byteLength('{"gruß":"📯"}'))
    expect(seen[0]?.body.toString()).toBe('{"gruß":"📯"}')
  })

  it.each(['PUT', 'PATCH', 'DELETE', 'GET', 'HEAD'] as const)('can be a %s', async (method) => {
    const { seen, receiver } = await recorder()
    const result = await localDispatcher().send(post(receiver.url, { method, body: '' }))
    expect(result).toMatchObject({ verdict: 'success', bytesSent: 0 })
    expect(seen[0]?.method).toBe(method)
  })
})

describe('the verdict', () => {
  it.each([
    [200, { verdict: 'success' }],
    [202, { verdict: 'success' }],
    [299, { verdict: 'success' }],
    [301, { verdict: 'permanent', failure: 'http_3xx' }],
    [304, { verdict: 'permanent', failure: 'http_3xx' }],
    [308, { verdict: 'permanent', failure: 'http_3xx' }],
    [400, { verdict: 'permanent', failure: 'http_4xx' }],
    [404, { verdict: 'permanent', failure: 'http_4xx' }],
    [408, { verdict: 'retryable', failure: 'http_408' }],
    [410, { verdict: 'permanent', failure: 'http_410' }],
    [425, { verdict: 'retryable', failure: 'http_425' }],
    [429, { verdict: 'retryable', failure: 'http_429' }],
    [500, { verdict: 'retryable', failure: 'http_5xx' }],
    [599, { verdict: 'retryable', failure: 'http_5xx' }],
  ])('follows from status %i', async (status, expected) => {
    const receiver = await respond(`${status} Whatever`)
    const result = await localDispatcher().send(post(receiver.url))
    expect(result).toMatchObject({ ...expected, status })
    if (status >= 300) expect(result.errorCode).toBe(`HTTP_${status}`)
    else expect(Object.keys(result)).not.toContain('failure')
  })

  it('follows from the success codes of the request', async () => {
    const receiver = await respond('404 Not Found')
    const dispatcher = localDispatcher()
    expect((await dispatcher.send(post(receiver.url, { successCodes: [404] }))).verdict).toBe('success')
    expect((await dispatcher.send(post(receiver.url, { successCodes: [200] }))).verdict).toBe('permanent')
  })

  it('waits for the response behind informational ones', async () => {
    const receiver = await using(
      answering(
        'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n',
      ),
    )
    expect(await localDispatcher().send(post(receiver.url))).toMatchObject({
      status: 503,
      failure: 'http_5xx',
    })
  })

  it('comes with the wish of Retry-After, for failures only', async () => {
    const dispatcher = localDispatcher({
      clock: { now: () => Date.parse('2026-11-22T10:00:00Z'), monotonic: () => 0 },
    })
    const ask = async (head: string) => (await dispatcher.send(post((await respond(head)).url))).retryAfterMs
    expect(await ask('429 Slow\r\nretry-after: 120')).toBe(120_000)
    expect(await ask('503 Down\r\nRetry-After: Sun, 22 Nov 2026 10:00:30 GMT')).toBe(30_000)
    expect(await ask('503 Down\r\nretry-after: soon')).toBeUndefined()
    expect(await ask('503 Down')).toBeUndefined()
    expect(await ask('200 OK\r\nretry-after: 120')).toBeUndefined()
  })
})

describe('what is kept of the response', () => {
  it.each([
    ['200 OK', undefined, false],
    ['200 OK', 'failures', false],
    ['200 OK', 'never', false],
    ['200 OK', 'always', true],
    ['500 Oh', undefined, true],
    ['500 Oh', 'failures', true],
    ['500 Oh', 'never', false],
    ['500 Oh', 'always', true],
  ] as const)('of %s with capture %s: %s', async (head, capture, keeps) => {
    const receiver = await respond(`${head}\r\nx-a: b`, 'body')
    const result = await localDispatcher().send(post(receiver.url, capture === undefined ? {} : { capture }))
    expect(result.responseBody).toEqual(keeps ? Buffer.from('body') : undefined)
    expect(result.responseHeaders).toEqual(keeps ? { 'x-a': 'b', 'content-length': '4' } : undefined)
    expect(result).toMatchObject({ bytesReceived: 4, responseTruncated: false })
  })

  it.each([
    [10, 10, false],
    [10, 11, true],
    [10, 70_000, true],
    [0, 5, true],
    [0, 0, false],
  ])('with a limit of %i, of %i bytes', async (responseLimitBytes, length, responseTruncated) => {
    const receiver = await respond('500 Oh', 'x'.repeat(length))
    const result = await localDispatcher().send(post(receiver.url, { responseLimitBytes }))
    expect(result).toMatchObject({ failure: 'http_5xx', responseTruncated })
    expect(result.responseBody).toEqual(Buffer.alloc(Math.min(length, responseLimitBytes), 'x'))
  })

  it('is the bytes that came, which can be made storable', async () => {
    const bytes = Buffer.from([0x61, 0, 0xff, 0xc3, 0x28])
    const head = Buffer.from(
      `HTTP/1.1 500 Oh\r\nx-a: \xff\xfe\r\ncontent-length: ${bytes.length}\r\n\r\n`,
      'latin1',
    )
    const receiver = await using(answering(Buffer.concat([head, bytes])))
    const result = await localDispatcher().send(post(receiver.url))
    expect(result.responseBody).toEqual(bytes)
    expect(toStorableText(result.responseBody ?? '')).toBe('a\uFFFD\uFFFD\uFFFD(')
    expect(toStorableText(result.responseHeaders?.['x-a'] ?? '')).not.toContain('\0')
  })

  it('joins headers that are given several times', async () => {
    const receiver = await respond('500 Oh\r\nX-A: 1\r\nx-a: 2\r\n__proto__: x')
    const { responseHeaders } = await localDispatcher().send(post(receiver.url))
    expect(responseHeaders?.['x-a']).toBe('1, 2')
    expect(Object.getPrototypeOf(responseHeaders)).toBe(Object.prototype)
  })
})

describe('timing', () => {
  it('is split where a connection is made', async () => {
    const { receiver } = await recorder()
    const dispatcher = localDispatcher({ resolve: async () => [{ address: '127.0.0.1', family: 4 }] })
    const url = `http://name.example:${receiver.port}/`
    const first = (await dispatcher.send(post(url))).timing
    expect(Object.keys(first).sort()).toEqual(['connectMs', 'dnsMs', 'firstByteMs', 'totalMs'])
    const { dnsMs = -1, connectMs = -1, firstByteMs = -1, totalMs } = first
    for (const part of [dnsMs, connectMs, firstByteMs]) expect(part).toBeGreaterThanOrEqual(0)
    expect(dnsMs + connectMs + firstByteMs).toBeLessThanOrEqual(totalMs)
    const second = (await dispatcher.send(post(url))).timing
    expect(Object.keys(second).sort()).toEqual(['firstByteMs', 'totalMs'])
  })
})

describe('the deadline', () => {
  it('counts what has arrived while the process was busy', async () => {
    const timeoutMs = 500
    let sentAt = 0
    const receiver = await using(
      httpReceiver((_, response) => {
        response.end('ok')
        while (performance.now() < sentAt + timeoutMs + 50);
      }),
    )
    const dispatcher = localDispatcher()
    sentAt = performance.now()
    expect(await dispatcher.send(post(receiver.url, { timeoutMs }))).toMatchObject({ verdict: 'success' })
  })
})

describe('TLS', () => {
  it('accepts a certificate of a given authority, for a name and for an address', async () => {
    const receiver = await using(httpsReceiver('valid', (_, response) => response.end('ok')))
    const dispatcher = localDispatcher({ tls: { ca: readCertificate('valid') } })
    expect(await dispatcher.send(post(receiver.url))).toMatchObject({ verdict: 'success' })
    expect(await dispatcher.send(post(`https://localhost:${receiver.port}/`))).toMatchObject({
      verdict: 'success',
    })
  })

  it('refuses a certificate for another name', async () => {
    const receiver = await using(httpsReceiver('valid', (_, response) => response.end('ok')))
    const dispatcher = localDispatcher({
      tls: { ca: readCertificate('valid') },
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    const result = await dispatcher.send(post(`https://other.example:${receiver.port}/`))
    expect(result).toMatchObject({ failure: 'tls', errorCode: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect(result.errorMessage).not.toContain('127.0.0.1')
  })

  it('resumes the session of an earlier connection', async () => {
    const resumed: boolean[] = []
    const receiver = await using(
      httpsReceiver('valid', ({ socket }, response) => {
        resumed.push(
          'isSessionReused' in socket &&
            typeof socket.isSessionReused === 'function' &&
            socket.isSessionReused(),
        )
        response.setHeader('connection', 'close').end('ok')
      }),
    )
    const dispatcher = localDispatcher({ tls: { ca: readCertificate('valid') } })
    for (let i = 0; i < 2; i++) await dispatcher.send(post(receiver.url))
    expect(resumed).toEqual([false, true])
  })
})

describe('a request that cannot be made', () => {
  it.each([
    [{ headers: { 'x-a': 'a\r\nx-evil: 1' } }, 'invalid x-a header'],
    [{ headers: { 'transfer-encoding': 'chunked' } }, 'invalid transfer-encoding header'],
    [{ headers: { 'content-length': '99' } }, 'content-length'],
  ])('is put back as a fault of our own: %j', async (more, message) => {
    const { receiver } = await recorder()
    const result = await localDispatcher().send(post(receiver.url, more))
    expect(result).toMatchObject({ verdict: 'requeue', failure: 'internal' })
    expect(result.errorMessage?.toLowerCase()).toContain(message)
  })

  it.each([
    ['ftp://example.com/', 'INVALID_URL'],
    ['nonsense', 'INVALID_URL'],
    ['https://user:secret@example.com/', 'INVALID_URL'],
    [`https://example.com/${'a'.repeat(3_000)}`, 'INVALID_URL'],
    ['https://example.com:0/', 'INVALID_URL'],
  ])('is refused for good when its URL is: %s', async (url, errorCode) => {
    const result = await localDispatcher().send(post(url))
    expect(result).toMatchObject({ verdict: 'permanent', failure: 'blocked', errorCode })
    expect(result.errorMessage).not.toContain('secret')
  })
})
