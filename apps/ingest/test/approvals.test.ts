import { createPosthorn } from '@posthorn/engine'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { approvalDetailSchema, approvalSchema } from '../src/approvals/schemas.ts'
import { pageOf } from '../src/http/fields.ts'
import { type Client, clientOf } from './support/client.ts'
import { type MadeApp, makeCallable } from './support/manifest.ts'
import { type Receiver, startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'
import { openStream } from './support/stream-client.ts'

const PATIENCE = { timeout: 30_000, interval: 50 }
const CAPABILITY = 'participant_registration'
const APPROVALS = '/api/v1/approvals'

let service: TestService
let admin: Client
let operator: Client
/** refuses calls, and takes what it is told of decisions */
let app: Receiver

beforeAll(async () => {
  service = await startService()
  admin = clientOf(service.url, await service.key('admin'))
  operator = clientOf(service.url, await service.key('operator'))
  app = await startReceiver((response) => {
    const isCall = app.received.at(-1)?.headers['x-event-type'] === CAPABILITY
    response.writeHead(isCall ? 500 : 200).end('{}')
  })
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await service.stop()
})

/** An app whose registration waits for a person, and the approval that it waits for. */
async function pending(payload = '{"n":1.0}', capability: object = {}) {
  const made = await makeCallable(admin, {
    [CAPABILITY]: { url: app.url, fallback: 'pending-approval', ...capability },
  })
  const answer = await admin(`/api/v1/apps/${made.id}/capabilities/${CAPABILITY}/call`, {
    body: `{"payload":${payload},"context":{"roomId":"hall","by":"ada"}}`,
  })
  const { callId, data } = answer.json<{ callId: string; data: { status: string; approvalId: string } }>()
  expect(data.status, answer.text).toBe('pending')
  return { made, callId, id: data.approvalId }
}
const list = async (client: Client, query = '') =>
  pageOf(approvalSchema).parse((await client(`${APPROVALS}${query}`)).json()).data
/** Deliveries of the event that tells of a decision. */
async function toldBy(made: MadeApp, eventId: string | null) {
  const headers = { 'x-posthorn-app': made.id }
  const event = await admin(`/api/v1/events/${eventId}`, { headers })
  return event.json<{ type: string; deliveries: { endpointId: string }[] }>()
}

describe('an approval', () => {
  it('holds the payload as it came, and the context, until a person decides', async () => {
    const { made, callId, id } = await pending('{"n":1.0,"big":12345678901234567890}')
    const shown = await admin(`${APPROVALS}/${id}`)
    expect(approvalDetailSchema.parse(shown.json())).toMatchObject({
      id,
      callId,
      appId: made.id,
      capability: CAPABILITY,
      status: 'pending',
      context: { roomId: 'hall', by: 'ada' },
      decidedAt: null,
    })
    expect(shown.text).toContain('"payload":{"n":1.0,"big":12345678901234567890}}')
  })

  it('is approved, and the capability is told by an event that a worker delivers', async () => {
    const { made, callId, id } = await pending()
    const answer = await operator(`${APPROVALS}/${id}/approve`, { json: { note: 'welcome' } })
    const decided = approvalDetailSchema.parse(answer.json())
    expect(decided).toMatchObject({
      status: 'approved',
      note: 'welcome',
      decidedBy: 'key:a operator',
      eventId: expect.stringMatching(/^evt_/),
    })
    expect(await toldBy(made, decided.eventId)).toMatchObject({
      type: 'approval.approved',
      deliveries: [{ maxAttempts: 5 }],
    })
    const { config } = service.parts
    await using worker = createPosthorn({
      connectionString: config.DATABASE_URL,
      encryptionKeys: config.POSTHORN_ENCRYPTION_KEYS,
      allowedCidrs: config.POSTHORN_ALLOWED_CIDRS,
    })
    await worker.start()
    const told = () =>
      app.received.filter(({ body, headers }) => headers['x-event-type'] !== CAPABILITY && body.includes(id))
    await expect.poll(told, PATIENCE).toHaveLength(1)
    const [{ headers, body } = { headers: {}, body: '' }] = told()
    expect(headers['x-event-type']).toBe('approval.approved')
    expect(JSON.parse(body)).toMatchObject({
      approvalId: id,
      callId,
      capability: CAPABILITY,
      status: 'approved',
      note: 'welcome',
      decidedAt: decided.decidedAt,
      context: { roomId: 'hall' },
    })
    expect(body).toContain('"payload":{"n":1.0}}')
  })

  it('is rejected, and endpoints that subscribe to it are told in place of the capability', async () => {
    const { made, id } = await pending()
    const headers = { 'x-posthorn-app': made.id }
    const json = { url: app.url, eventTypes: ['approval.*'] }
    const endpoint = (await admin('/api/v1/endpoints', { json, headers })).json<{ id: string }>()
    const answer = await admin(`${APPROVALS}/${id}/reject`, { method: 'POST' })
    const { eventId } = approvalDetailSchema.parse(answer.json())
    expect(answer.json()).toMatchObject({ status: 'rejected', note: null })
    const told = await toldBy(made, eventId)
    expect(told.type).toBe('approval.rejected')
    expect(told.deliveries.map(({ endpointId }) => endpointId)).toEqual([endpoint.id])
  })

  it('is decided also where the capability was taken away a moment ago by somebody else', async () => {
    const { made, id } = await pending()
    // Another process has the manifest changed: what this one knows is still the old one.
    await service.database.pool.query(
      `update posthorn.endpoints set enabled = false, deleted_at = now() where app_id = $1`,
      [made.uuid],
    )
    const answer = await operator(`${APPROVALS}/${id}/approve`, { json: {} })
    const decided = approvalDetailSchema.parse(answer.json())
    expect(decided.status).toBe('approved')
    expect(await toldBy(made, decided.eventId)).toMatchObject({ type: 'approval.approved', deliveries: [] })
  })

  it('is decided once: the same again changes nothing, another decision is refused', async () => {
    const { id } = await pending()
    const decide = (action: string) => operator(`${APPROVALS}/${id}/${action}`, { json: {} })
    const answers = await Promise.all([decide('approve'), decide('approve'), decide('approve')])
    const events = answers.map((answer) => approvalDetailSchema.parse(answer.json()).eventId)
    expect(new Set(events).size).toBe(1)
    expect((await decide('reject')).problem()).toMatchObject({ status: 409, code: 'conflict' })
    const { rows } = await service.database.pool.query(
      `select count(*)::int from posthorn.events where event_type like 'approval.%' and payload like $1`,
      [`%${id}%`],
    )
    expect(rows).toEqual([{ count: 1 }])
  })

  it('expires', async () => {
    const { id } = await pending('1', { fallback: { strategy: 'pending-approval', expiresIn: 1 } })
    await expect
      .poll(async () => (await admin(`${APPROVALS}/${id}`)).json()['status'], PATIENCE)
      .toBe('expired')
    expect((await operator(`${APPROVALS}/${id}/approve`, { json: {} })).problem()).toMatchObject({
      status: 409,
    })
  })

  it('is announced to those who follow its room, when it is made and when it is decided', async () => {
    const key = await service.key('read')
    const stream = await openStream(service.url, key, { path: '/api/v1/stream?room=hall&types=approval' })
    await expect
      .poll(() => stream.of('connected'), PATIENCE)
      .toEqual([expect.objectContaining({ app: null, room: 'hall' })])
    const { made, id } = await pending()
    await operator(`${APPROVALS}/${id}/approve`, { json: {} })
    await expect
      .poll(() => stream.of('approval').map(({ status, id: of, appId }) => [of, appId, status]), PATIENCE)
      .toEqual([
        [id, made.id, 'pending'],
        [id, made.id, 'approved'],
      ])
    stream.close()
  })
})

describe('approvals', () => {
  it('are listed by status and capability: of every app for the platform, else of one', async () => {
    const [one, other] = [await pending(), await pending()]
    await operator(`${APPROVALS}/${other.id}/reject`, { json: {} })
    const ids = async (client: Client, query = '') => (await list(client, query)).map(({ id }) => id)
    expect(await ids(admin)).toEqual(expect.arrayContaining([one.id, other.id]))
    expect(await ids(admin, '?status=rejected')).toContain(other.id)
    expect(await ids(admin, '?status=rejected')).not.toContain(one.id)
    expect(await ids(admin, '?capability=tax')).toEqual([])
    const own = clientOf(service.url, await service.key('operator', one.made.uuid))
    expect(await ids(own)).toEqual([one.id])
    expect(await ids(admin, '?room=hall')).toEqual(expect.arrayContaining([one.id, other.id]))
    expect(await ids(admin, '?room=none')).toEqual([])
    const named = await admin(APPROVALS, { headers: { 'x-posthorn-app': other.made.id } })
    expect(named.json<{ data: { id: string }[] }>().data.map(({ id }) => id)).toEqual([other.id])
    expect((await own(`${APPROVALS}/${other.id}`)).status).toBe(404)
    expect((await own(`${APPROVALS}/${other.id}/approve`, { json: {} })).status).toBe(404)
    expect((await own(`${APPROVALS}/${one.id}/approve`, { json: {} })).status).toBe(200)
  })

  it.each([
    ['?status=done', 'status'],
    ['?limit=0', 'limit'],
    ['?room=', 'room'],
  ])('refuse the query %s', async (query, path) => {
    expect((await admin(`${APPROVALS}${query}`)).problem()).toMatchObject({ status: 422, errors: [{ path }] })
  })

  it('refuse what is no decision', async () => {
    const { id } = await pending()
    for (const [json, path] of [
      [{ note: '' }, 'note'],
      [{ decision: 'approved' }, 'decision'],
    ] as const) {
      const problem = (await operator(`${APPROVALS}/${id}/approve`, { json })).problem()
      expect(problem).toMatchObject({ status: 422, errors: [{ path }] })
    }
    expect((await admin(`${APPROVALS}/${id}`)).json()).toMatchObject({ status: 'pending' })
  })
})
