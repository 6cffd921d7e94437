import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { checkServer } from './check-server.ts'

const cleanUp: (() => void)[] = []
afterEach(() => {
  for (const work of cleanUp.splice(0)) work()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/hooks/claude-code`
}

const answering = (status: number, headers: Record<string, string> = {}) =>
  serve((_request, response) => response.writeHead(status, headers).end())
const states = async (url: string, key: string | undefined = 'phk_1') =>
  (await checkServer(url, key, 2_000)).map(({ name, state }) => `${name} ${state}`)

describe('checkServer', () => {
  it('asks with the key, and with nothing that could become an event', async () => {
    let seen: IncomingMessage | undefined
    const url = await serve((request, response) => {
      seen = request
      response.writeHead(415).end()
    })
    expect(await states(url)).toEqual(['server ok', 'key ok', 'clock ok'])
    expect(seen?.method).toBe('POST')
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer phk_1',
      'content-type': 'text/plain',
      'content-length': '0',
    })
    expect(seen?.headers).not.toHaveProperty('x-request-id')
  })

  it.each([
    [401, ['server ok', 'key fail', 'clock ok']],
    [403, ['server ok', 'key fail', 'clock ok']],
    [404, ['server ok', 'server fail', 'clock ok']],
    [308, ['server ok', 'server fail', 'clock ok']],
    [503, ['server warn']],
    [429, ['server warn']],
  ])('judges %i', async (status, expected) => {
    expect(await states(await answering(status))).toEqual(expected)
  })

  it('does not take any web page for a server', async () => {
    expect(await states(await answering(200, { 'content-type': 'text/html' }))).toContain('server fail')
  })

  it('says nothing of a key that is not set', async () => {
    const checks = await checkServer(await answering(401), undefined, 2_000)
    expect(checks.map(({ name }) => name)).toEqual(['server', 'clock'])
  })

  it.each([
    [-3_600_000, /it is 3(599|600|601) s ahead of/],
    [3_600_000, /it is 3(599|600|601) s behind/],
  ])('measures a clock that is off by %i ms', async (offset, expected) => {
    const url = await serve((_request, response) => {
      response.sendDate = false
      response.writeHead(415, { date: new Date(Date.now() + offset).toUTCString() }).end()
    })
    const clock = (await checkServer(url, 'phk_1', 2_000)).find(({ name }) => name === 'clock')
    expect(clock).toMatchObject({ state: 'warn', message: expect.stringMatching(expected) })
  })

  it('fails where nobody listens, and where nobody answers', async () => {
    const url = await answering(200)
    for (const work of cleanUp.splice(0)) work()
    expect(await checkServer(url, 'phk_1', 2_000)).toMatchObject([
      { state: 'fail', message: expect.stringContaining('ECONNREFUSED') },
    ])
    const silent = await serve(() => undefined)
    expect(await checkServer(silent, 'phk_1', 50)).toMatchObject([
      { state: 'fail', message: expect.stringContaining('ETIMEDOUT') },
    ])
    expect(await checkServer('http://no.such.host.invalid/', 'phk_1', 5_000)).toMatchObject([
      { name: 'server', state: 'fail' },
    ])
  })
})
