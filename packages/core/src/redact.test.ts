import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactHeaders, redactUrl } from './redact.ts'

describe('redactHeaders', () => {
  it.each([
    ...['authorization', 'Authorization', 'cookie', 'Set-Cookie', 'proxy-authorization', 'X-API-Key'],
    ...['webhook-signature', 'x-hub-signature-256', 'x-amz-security-token', 'x-csrf-token', 'client_secret'],
    ...['x-my-password', 'apikey', 'x-api_key', 'X-Forwarded-Authorization'],
  ])('hides %s', (name) => {
    expect(redactHeaders({ [name]: 'hunter2' })).toEqual({ [name]: '[REDACTED]' })
    expect(redactHeaders({ [name]: ['hunter2', 'hunter3'] })).toEqual({ [name]: '[REDACTED]' })
  })

  it('leaves the others, their order and the given object alone', () => {
    const headers = Object.freeze({
      host: 'a',
      'webhook-id': 'msg_1',
      authorization: undefined,
      'user-agent': 'x',
      accept: ['a', 'b'],
    })
    expect(redactHeaders(headers)).toEqual(headers)
    expect(Object.keys(redactHeaders(headers))).toEqual(Object.keys(headers))
  })

  it('keeps a header called __proto__ a header', () => {
    const headers: Record<string, string> = JSON.parse('{"__proto__":"a","x-token":"b"}')
    const redacted = redactHeaders(headers)
    expect(Object.entries(redacted)).toEqual([
      ['__proto__', 'a'],
      ['x-token', '[REDACTED]'],
    ])
  })
})

describe('redactUrl', () => {
  it.each([
    ['https://a.example/b?c=d#e', 'https://a.example/b?c=d#e'],
    ['https://user:pass@a.example:8443/b', 'https://[REDACTED]@a.example:8443/b'],
    ['https://user@a.example/', 'https://[REDACTED]@a.example/'],
    ['https://:p%40ss@a.example/', 'https://[REDACTED]@a.example/'],
    [
      'https://a.example/?token=x&page=2&Api-Key=y',
      'https://a.example/?token=[REDACTED]&page=2&Api-Key=[REDACTED]',
    ],
    ['https://a.example/?sig=x&sv=1', 'https://a.example/?sig=[REDACTED]&sv=1'],
    ['https://a.example/?X-Amz-Signature=x', 'https://a.example/?X-Amz-Signature=[REDACTED]'],
    ['https://a.example/?to%6ben=x', 'https://a.example/?to%6ben=[REDACTED]'],
    ['https://a.example/?%E0%A4%A=x&secret=y', 'https://a.example/?%E0%A4%A=x&secret=[REDACTED]'],
    ['https://a.example/?token=x=y', 'https://a.example/?token=[REDACTED]'],
    ['https://a.example/?token&b', 'https://a.example/?token&b'],
    ['https://a.example/#access_token=x&state=1', 'https://a.example/#access_token=[REDACTED]&state=1'],
    [
      'postgres://user:pass@db:5432/name?sslmode=require',
      'postgres://[REDACTED]@db:5432/name?sslmode=require',
    ],
    ['postgres:///name?user=a&password=b', 'postgres:///name?user=a&password=[REDACTED]'],
    ['/api/v1/stream?token=x', '/api/v1/stream?token=[REDACTED]'],
    ['jdbc:postgresql://user:pass@db/name', 'jdbc:[REDACTED]'],
    ['ht tp://user:pass@a', '[invalid URL]'],
    ['//user:pass@a/b', '[invalid URL]'],
    ['', '[invalid URL]'],
  ])('%s', (url, expected) => {
    expect(redactUrl(url)).toBe(expected)
  })

  it('lets no credential through', () => {
    const secret = fc.stringMatching(/^hunter2[a-z0-9]{0,8}$/)
    const name = fc.constantFrom(
      'token',
      'access_token',
      'client_secret',
      'API-KEY',
      'password',
      'x-signature',
      'key',
    )
    fc.assert(
      fc.property(
        secret,
        name,
        fc.webUrl({ withQueryParameters: true, withFragments: true }),
        (value, key, web) => {
          const url = new URL(web)
          url.username = 'user'
          url.password = value
          url.searchParams.append(key, value)
          const redacted = redactUrl(url.href)
          expect(redacted).not.toContain(value)
          expect(new URL(redacted).host).toBe(url.host)
        },
      ),
    )
  })
})
