import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIngest } from '../src/app.ts'
import type { OpenApiDocument } from '../src/reference/document.ts'
import { type Client, clientOf } from './support/client.ts'
import { startService, type TestService } from './support/service.ts'

let service: TestService
let anonymous: Client
let admin: Client

beforeAll(async () => {
  service = await startService()
  anonymous = clientOf(service.url)
  admin = clientOf(service.url, await service.key('admin'))
})
afterAll(() => service.stop())

describe('health', () => {
  it('is well', async () => {
    expect((await anonymous('/livez')).json()).toEqual({ status: 'alive' })
    expect((await anonymous('/readyz')).json()).toEqual({ ready: true, problems: [] })
    for (const path of ['/health', '/api/health']) {
      expect((await anonymous(path)).json()).toEqual({
        status: 'healthy',
        checks: {
          database: 'healthy',
          webhooks: 'operational',
          timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      })
    }
  })

  it('is not ready without its migrations, or where a crash would lose what was acknowledged', async () => {
    const problems = ['fsync is off: a crash may lose what was acknowledged', 'migrations are missing: 0000']
    let asked = 0
    const posthorn = new Proxy(service.posthorn, {
      get: (target, name, receiver) =>
        name === 'readiness'
          ? async () => {
              asked += 1
              return { ready: false, problems }
            }
          : Reflect.get(target, name, receiver),
    })
    const app = await createIngest({ ...service.parts, posthorn })
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject('/readyz')))
    for (const answer of answers)
      expect([answer.statusCode, answer.json()]).toEqual([503, { ready: false, problems }])
    expect(asked).toBe(1)
    await app.close()
  })
})

describe('metrics', () => {
  it('count requests by route and events by what became of them', async () => {
    const event = { type: 'a', payload: 1, requestId: 'metric' }
    await admin('/api/v1/events', { json: event })
    await admin('/api/v1/events', { json: event })
    await admin('/api/v1/events', { json: { type: 'a' } })
    await admin('/api/v1/events/batch', { json: [event, { type: 'a', payload: 2 }, {}] })
    await admin('/nowhere/123')
    const scrape = async () => (await anonymous('/metrics')).text
    await expect
      .poll(scrape)
      .toContain('posthorn_http_requests_total{method="GET",route="unmatched",status="404"} 1')
    const text = await scrape()
    for (const line of [
      'posthorn_http_requests_total{method="POST",route="/api/v1/events",status="202"} 2',
      'posthorn_http_requests_total{method="POST",route="/api/v1/events",status="422"} 1',
      'posthorn_http_request_duration_seconds_count{method="POST",route="/api/v1/events"} 3',
      'posthorn_events_total{result="accepted"} 2',
      'posthorn_events_total{result="duplicate"} 2',
      'posthorn_events_total{result="rejected"} 2',
    ]) {
      expect(text).toContain(line)
    }
    expect(text).not.toContain('nowhere')
  })
})

describe('the reference', () => {
  it('describes every route of the API and what each answers', async () => {
    const document = (await anonymous('/openapi.json')).json<OpenApiDocument>()
    const routes = Object.entries(document.paths ?? {}).flatMap(([path, operations]) =>
      Object.keys(operations).map(
        (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      ),
    )
    expect(routes).toHaveLength(57)
    // The manifest's own grammar, with its strategies, and not only the outline that the route looks for.
    expect(JSON.stringify(document.components?.schemas)).toContain('random-winner')
    for (const operations of Object.values(document.paths ?? {})) {
      for (const operation of Object.values(operations)) {
        expect(operation.summary).toBeTypeOf('string')
        expect(Object.keys(operation.responses ?? {})).toContain('4XX')
      }
    }
    for (const older of ['/api/claude-hooks', '/api/conversations/stream']) {
      expect(document.paths).not.toHaveProperty(older)
      expect(document.info?.description).toContain(older)
    }
    const publish = document.paths?.['/api/v1/events']?.post
    expect(publish?.security).toEqual([{ key: [] }])
    expect(publish?.requestBody?.required).toBe(true)
    expect(document.paths?.['/api/v1/endpoints/{id}/pause']?.post?.requestBody?.required).toBe(false)
  })

  it('refers to nothing that is not there', async () => {
    const { text } = await anonymous('/openapi.json')
    const schemas = Object.keys((JSON.parse(text) as OpenApiDocument).components?.schemas ?? {})
    const referred = new Set([...text.matchAll(/#\/components\/schemas\/([^"]+)/g)].map((match) => match[1]))
    expect([...referred].sort()).toEqual(schemas.sort())
  })

  it('is where the bare address leads, and nothing below it', async () => {
    const root = await fetch(`${service.url}/`, { redirect: 'manual' })
    expect([root.status, root.headers.get('location')]).toEqual([302, '/docs'])
    expect((await anonymous('/')).headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect((await anonymous('/else')).status).toBe(404)
  })

  it('is a page without scripts that loads nothing from elsewhere', async () => {
    const page = await anonymous('/docs')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'self'/)
    expect(page.text.match(/<script|\sstyle=|\son\w+=|https?:\/\//g)).toBeNull()
    const anchors = new Set([...page.text.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]))
    const links = [...page.text.matchAll(/href="#([^"]+)"/g)].map((match) => match[1])
    expect(links.length).toBeGreaterThan(40)
    expect(links.filter((link) => !anchors.has(link))).toEqual([])
    const style = await anonymous('/docs/style.css')
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8')
    expect(style.text).not.toMatch(/url\(|@import/)
  })
})
