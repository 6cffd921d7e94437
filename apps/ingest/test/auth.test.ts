import { formatId, newRequestId, uuidv7 } from '@posthorn/core'
import { ApprovalRepository, DEFAULT_APP_ID, KEY_ROLES, type KeyRole, writeCalls } from '@posthorn/db'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIngest } from '../src/app.ts'
import { type Client, clientOf } from './support/client.ts'
import { makeApp, startService, type TestService } from './support/service.ts'

/** Which roles each route lets in; `public` needs no key. A route that is missing here fails the test. */
const ROUTES: Readonly<Record<string, 'public' | readonly KeyRole[]>> = {
  'GET /livez': 'public',
  'GET /readyz': 'public',
  'GET /health': 'public',
  'GET /api/health': 'public',
  'GET /metrics': 'public',
  'GET /openapi.json': 'public',
  'GET /': 'public',
  'GET /docs': 'public',
  'GET /docs/style.css': 'public',
  'POST /api/v1/events': ['ingest', 'admin'],
  'POST /api/v1/events/batch': ['ingest', 'admin'],
  'GET /api/v1/events': ['read', 'operator', 'admin'],
  'GET /api/v1/events/:id': ['read', 'operator', 'admin'],
  'POST /api/v1/endpoints': ['admin'],
  'GET /api/v1/endpoints': ['read', 'operator', 'admin'],
  'GET /api/v1/endpoints/:id': ['read', 'operator', 'admin'],
  'PATCH /api/v1/endpoints/:id': ['admin'],
  'DELETE /api/v1/endpoints/:id': ['admin'],
  'POST /api/v1/endpoints/:id/pause': ['operator', 'admin'],
  'POST /api/v1/endpoints/:id/resume': ['operator', 'admin'],
  'POST /api/v1/endpoints/:id/test': ['operator', 'admin'],
  'POST /api/v1/endpoints/:id/rotate-secret': ['admin'],
  'GET /api/v1/admin/circuit-breaker/endpoints/:id': ['read', 'operator', 'admin'],
  'POST /api/v1/admin/circuit-breaker/endpoints/:id/reset': ['operator', 'admin'],
  'GET /api/v1/deliveries': ['read', 'operator', 'admin'],
  'GET /api/v1/deliveries/:id': ['read', 'operator', 'admin'],
  'POST /api/v1/deliveries/:id/retry': ['operator', 'admin'],
  'POST /api/v1/deliveries/:id/cancel': ['operator', 'admin'],
  'POST /api/v1/hooks/claude-code': ['ingest', 'admin'],
  'POST /api/claude-hooks': ['ingest', 'admin'],
  'GET /api/v1/hook-clients': ['read', 'operator', 'admin'],
  'POST /api/v1/events/:id/reprocess': ['operator', 'admin'],
  'POST /api/v1/events/reprocess': ['operator', 'admin'],
  'GET /api/v1/conversations': ['read', 'operator', 'admin'],
  'GET /api/v1/conversations/:id': ['read', 'operator', 'admin'],
  'DELETE /api/v1/conversations/:id': ['admin'],
  'GET /api/v1/conversations/:id/messages': ['read', 'operator', 'admin'],
  'GET /api/v1/conversations/:id/tool-uses': ['read', 'operator', 'admin'],
  'POST /api/v1/apps': ['admin'],
  'GET /api/v1/apps': ['read', 'operator', 'admin'],
  'GET /api/v1/apps/:appId': ['read', 'operator', 'admin'],
  'PATCH /api/v1/apps/:appId': ['admin'],
  'DELETE /api/v1/apps/:appId': ['admin'],
  'POST /api/v1/apps/:appId/rotate-secret': ['admin'],
  'PUT /api/v1/apps/:appId/manifest': ['admin'],
  'GET /api/v1/apps/:appId/manifest': ['read', 'operator', 'admin'],
  'GET /api/v1/apps/:appId/capabilities': ['read', 'operator', 'admin'],
  'POST /api/v1/apps/:appId/capabilities/:capability/call': ['ingest', 'admin'],
  'GET /api/v1/apps/:appId/calls': ['read', 'operator', 'admin'],
  'GET /api/v1/calls/:id': ['read', 'operator', 'admin'],
  'GET /api/v1/admin/circuit-breaker/status': ['read', 'operator', 'admin'],
  'GET /api/v1/admin/circuit-breaker/:appId/:capability': ['read', 'operator', 'admin'],
  'POST /api/v1/admin/circuit-breaker/:appId/:capability': ['operator', 'admin'],
  'POST /api/v1/admin/circuit-breaker/:appId/:capability/reset': ['operator', 'admin'],
  'GET /api/v1/approvals': ['read', 'operator', 'admin'],
  'GET /api/v1/approvals/:id': ['read', 'operator', 'admin'],
  'POST /api/v1/approvals/:id/approve': ['operator', 'admin'],
  'POST /api/v1/approvals/:id/reject': ['operator', 'admin'],
  'GET /api/v1/notifications': ['read', 'operator', 'admin'],
  'POST /api/v1/notifications/:id/read': ['operator', 'admin'],
  'POST /api/v1/notifications/read': ['operator', 'admin'],
  'GET /api/v1/stream': ['read', 'operator', 'admin'],
  'GET /api/conversations/stream': ['read', 'operator', 'admin'],
}

const OTHER_APP = uuidv7()

let service: TestService
let anonymous: Client
const clients = new Map<KeyRole, Client>()

beforeAll(async () => {
  service = await startService()
  await makeApp(service.database, OTHER_APP)
  anonymous = clientOf(service.url)
  for (const role of KEY_ROLES) clients.set(role, clientOf(service.url, await service.key(role)))
})
afterAll(() => service.stop())

const as = (role: KeyRole): Client => clients.get(role) ?? anonymous

/** What the `:id` of a route names. */
function prefixOf(path: string): 'dlv' | 'evt' | 'conv' | 'ep' | 'call' | 'apr' | 'ntf' {
  if (path.includes('/calls')) return 'call'
  if (path.includes('/approvals')) return 'apr'
  if (path.includes('/notifications')) return 'ntf'
  if (path.includes('/deliveries')) return 'dlv'
  if (path.includes('/events')) return 'evt'
  return path.includes('/conversations') ? 'conv' : 'ep'
}

function request(route: string) {
  const [method = '', path = ''] = route.split(' ')
  const body = method === 'GET' || method === 'DELETE' ? {} : { json: {} }
  // A stream has no end; what is wrong with a request of one is answered at once.
  const query = path.endsWith('/stream') ? '?nothing=1' : ''
  const filled = path
    .replace(':id', formatId(prefixOf(path), uuidv7()))
    .replace(':appId', formatId('app', uuidv7()))
    .replace(':capability', 'quiz_answer')
  return [filled + query, { method, ...body }] as const
}

/** What `printRoutes` draws, as `METHOD path`. */
function routesOf(drawing: string): string[] {
  const path: string[] = []
  return drawing.split('\n').flatMap((line) => {
    const [, indent, part, methods] = /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? []
    if (indent === undefined || part === undefined) return []
    path.length = indent.length / 4
    path.push(part)
    return (methods ?? '')
      .split(', ')
      .filter((method) => method !== '' && method !== 'HEAD')
      .map((method) => `${method} ${path.join('')}`)
  })
}

/** A call, an approval and a notification of an app. */
async function leaveTraces(appId: string): Promise<Record<'call' | 'apr' | 'ntf', string>> {
  const [callId, approvalId, notificationId] = [uuidv7(), uuidv7(), uuidv7()]
  const at = new Date()
  const about = { appId, capability: 'quiz_answer' }
  const call = {
    ...about,
    id: callId,
    endpointId: null,
    requestId: newRequestId(),
    outcome: 'fallback',
  } as const
  const how = { source: 'static', fallback: 'static', reason: 'timeout', message: 'No answer', ageMs: null }
  await writeCalls(service.database.pool, {
    calls: [{ ...call, ...how, startedAt: at, durationMs: 1, attempts: 0, audit: null }],
    attempts: [],
    notifications: [
      {
        ...{ ...about, id: notificationId, callId, roomId: 'hall', reason: 'timeout', strategy: 'static' },
        ...{ count: 1, firstAt: at, lastAt: at },
      },
    ],
    stats: [],
    workerId: 'a test',
  })
  await new ApprovalRepository(service.database.pool).create({
    ...{ ...about, id: approvalId, callId, payloadText: '{}', context: {} },
    ...{ createdAt: at, expiresAt: new Date(at.getTime() + 60_000) },
  })
  return {
    call: formatId('call', callId),
    apr: formatId('apr', approvalId),
    ntf: formatId('ntf', notificationId),
  }
}

describe('every route', () => {
  it('stands in the table', () => {
    expect(routesOf(service.app.printRoutes()).sort()).toEqual(Object.keys(ROUTES).sort())
  })

  it('must say what access it needs', async () => {
    const app = await createIngest(service.parts)
    expect(() => app.get('/forgotten', () => 'open')).toThrow(
      'GET /forgotten does not say what access it needs',
    )
    await app.close()
  })

  describe.each(Object.entries(ROUTES))('%s', (route, allowed) => {
    it('knows who may use it', async () => {
      const [path, call] = request(route)
      const withoutKey = await anonymous(path, call)
      if (allowed === 'public') {
        expect(withoutKey.status).toBe(200)
        return
      }
      expect(withoutKey.problem()).toMatchObject({ status: 401, code: 'unauthorized' })
      expect(withoutKey.headers.get('www-authenticate')).toMatch(/^Bearer/)
      const unknown = await clientOf(service.url, `phk_${'0'.repeat(32)}_${'a'.repeat(64)}`)(path, call)
      expect(unknown.problem()).toMatchObject({ status: 401 })
      expect(unknown.headers.get('www-authenticate')).toContain('invalid_token')
      for (const role of KEY_ROLES) {
        const { status } = await as(role)(path, call)
        if (allowed.includes(role)) expect([200, 202, 404, 422], `${role} got ${status}`).toContain(status)
        else expect(status, role).toBe(403)
      }
    })
  })
})

describe('keys', () => {
  it.each(['', 'Basic abc', 'Bearer', 'Bearer a b', 'Bearer phk_1', `Bearer ${'x'.repeat(4_000)}`])(
    'refuses the header %j',
    async (authorization) => {
      const answer = await anonymous('/api/v1/events', { headers: { authorization } })
      expect(answer.problem()).toMatchObject({ status: 401 })
    },
  )

  it('works no longer than five seconds after it was revoked, and its use is noted', async () => {
    const { id, key } = await service.posthorn.keys.create({ name: 'short', role: 'read' })
    const client = clientOf(service.url, key)
    expect((await client('/api/v1/events')).status).toBe(200)
    await expect
      .poll(async () => (await service.posthorn.keys.list()).find((row) => row.id === id)?.lastUsedAt)
      .toBeInstanceOf(Date)
    await service.posthorn.keys.revoke(id)
    await expect
      .poll(async () => (await client('/api/v1/events')).status, { timeout: 8_000, interval: 250 })
      .toBe(401)
  })

  it('is refused when it has expired', async () => {
    const { key } = await service.posthorn.keys.create({
      name: 'old',
      role: 'admin',
      expiresAt: new Date(Date.now() - 1),
    })
    expect((await clientOf(service.url, key)('/api/v1/events')).status).toBe(401)
  })
})

describe('apps', () => {
  const app = formatId('app', OTHER_APP)
  const publish = (client: Client, headers: Record<string, string> = {}) =>
    client('/api/v1/events', { json: { type: 'a', payload: 1, requestId: newRequestId() }, headers })

  it('lets a key of the platform name one, and a key of an app only its own', async () => {
    const own = clientOf(service.url, await service.key('admin', OTHER_APP))
    const other = clientOf(service.url, await service.key('admin', DEFAULT_APP_ID))
    const byPlatform = (await publish(as('admin'), { 'x-posthorn-app': app })).json<{ id: string }>()
    const byApp = (await publish(own)).json<{ id: string }>()
    const byAppNamed = (await publish(own, { 'x-posthorn-app': OTHER_APP })).json<{ id: string }>()
    for (const { id } of [byPlatform, byApp, byAppNamed]) {
      expect((await own(`/api/v1/events/${id}`)).status).toBe(200)
      expect((await as('read')(`/api/v1/events/${id}`)).status).toBe(404)
      expect((await as('read')(`/api/v1/events/${id}`, { headers: { 'x-posthorn-app': app } })).status).toBe(
        200,
      )
    }
    expect((await publish(other, { 'x-posthorn-app': app })).problem()).toMatchObject({
      status: 403,
      code: 'forbidden',
    })
    expect((await publish(as('admin'), { 'x-posthorn-app': 'evil' })).problem()).toMatchObject({
      status: 422,
      errors: [{ path: 'x-posthorn-app' }],
    })
    expect((await publish(as('admin'), { 'x-posthorn-app': formatId('app', uuidv7()) })).status).toBe(404)
  })

  it('hides what belongs to another app behind a 404, on every route that takes an id', async () => {
    const own = clientOf(service.url, await service.key('admin', OTHER_APP))
    const endpoint = (
      await own('/api/v1/endpoints', { json: { url: 'http://127.0.0.1:9/', eventTypes: ['*'] } })
    ).json<{ id: string }>()
    const event = (await publish(own)).json<{ id: string }>()
    const [delivery] = (await own(`/api/v1/deliveries?eventId=${event.id}`)).json<{
      data: { id: string }[]
    }>().data
    const hook = { hook_event_name: 'SessionStart', session_id: 's', source: 'startup' }
    const captured = (
      await own('/api/v1/hooks/claude-code', { json: hook, headers: { 'x-request-id': uuidv7() } })
    ).json<{ data: { conversationId: string } }>()
    const ofCalls = await leaveTraces(OTHER_APP)
    const ofDefault = clientOf(service.url, await service.key('admin', DEFAULT_APP_ID))
    const ids = {
      ...ofCalls,
      ep: endpoint.id,
      evt: event.id,
      dlv: delivery?.id ?? '',
      conv: captured.data.conversationId,
    }
    expect(ids.dlv).toMatch(/^dlv_/)
    const routes = Object.keys(ROUTES).filter((route) => route.includes(':id'))
    expect(routes).toHaveLength(23)
    for (const route of routes) {
      const [, call] = request(route)
      const path = route.split(' ')[1] ?? ''
      const id = ids[prefixOf(path)]
      for (const wrong of [id, 'nonsense', '%00', 'key_00000000000000000000000000000000']) {
        const answer = await ofDefault(path.replace(':id', wrong), call)
        expect(answer.problem(), `${route} ${wrong}`).toMatchObject({ status: 404, code: 'not_found' })
      }
    }
    for (const path of [`endpoints/${ids.ep}`, `calls/${ids.call}`, `approvals/${ids.apr}`])
      expect((await own(`/api/v1/${path}`)).status, path).toBe(200)
    expect((await own(`/api/v1/conversations/${ids.conv}`)).status).toBe(200)
    expect((await own(`/api/v1/deliveries/${ids.dlv}`)).json()).toMatchObject({
      status: 'pending',
      cancelRequested: false,
    })
  })
})
