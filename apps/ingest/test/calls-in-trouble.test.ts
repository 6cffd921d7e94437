import { createPosthorn } from '@posthorn/engine'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { createIngest } from '../src/app.ts'
import { closeIngestPools, openIngestPools } from '../src/pools.ts'
import { clientOf } from './support/client.ts'
import { makeCallable } from './support/manifest.ts'
import { startProxy } from './support/proxy.ts'
import { startReceiver } from './support/receiver.ts'
import { startService, type TestService } from './support/service.ts'

const PATIENCE = { timeout: 30_000, interval: 50 }

let service: TestService
afterEach(() => service.stop())

const outcomes = async (appId: string) => {
  const { rows } = await service.database.pool.query<{ outcome: string }>(
    'select outcome from posthorn.calls where app_id = $1 order by id',
    [appId],
  )
  return rows.map(({ outcome }) => outcome)
}

describe('calls', () => {
  it('go on while their database is away, and are on record when it is back', async () => {
    service = await startService()
    await using proxy = await startProxy(service.database.url)
    const pools = openIngestPools({ DATABASE_URL: proxy.url })
    const app = await createIngest({ ...service.parts, pools })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const admin = clientOf(url, await service.key('admin'))
    await using receiver = await startReceiver((response) => response.end('{"rate":1}'))
    const made = await makeCallable(admin, { rates: receiver.url })
    const call = async () =>
      (await admin(`/api/v1/apps/${made.id}/capabilities/rates/call`, { json: { payload: 1 } })).json()
    expect(await call()).toMatchObject({ outcome: 'ok' })
    await proxy.cut()
    for (let made = 0; made < 3; made++)
      expect(await call()).toMatchObject({ outcome: 'ok', data: { rate: 1 } })
    await proxy.restore()
    await expect.poll(() => outcomes(made.uuid), PATIENCE).toEqual(['ok', 'ok', 'ok', 'ok'])
    await app.close()
    await closeIngestPools(pools)
  })

  it('go on while their database is silent: key, app and circuit are known', async () => {
    service = await startService()
    await using proxy = await startProxy(service.database.url)
    const url = proxy.url
    const posthorn = createPosthorn({
      connectionString: url,
      encryptionKeys: service.parts.config.POSTHORN_ENCRYPTION_KEYS,
    })
    const pools = openIngestPools({ DATABASE_URL: url })
    const app = await createIngest({ ...service.parts, posthorn, pools })
    const admin = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }), await service.key('admin'))
    await using receiver = await startReceiver((response) => response.end('{"rate":1}'))
    const made = await makeCallable(admin, { rates: receiver.url })
    const call = async () =>
      (await admin(`/api/v1/apps/${made.id}/capabilities/rates/call`, { json: { payload: 1 } })).json()
    expect(await call()).toMatchObject({ outcome: 'ok' })
    proxy.hold()
    const silentFrom = performance.now()
    // Beyond what keys, apps and circuits are remembered for anyhow.
    while (performance.now() - silentFrom < 7_000) {
      expect(await call()).toMatchObject({ outcome: 'ok', data: { rate: 1 } })
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    proxy.release()
    await expect.poll(() => outcomes(made.uuid).then((all) => all.length), PATIENCE).toBeGreaterThan(10)
    await app.close()
    await posthorn.stop({ graceMs: 1_000 })
    await closeIngestPools(pools)
  })

  it('under way when the service stops are answered, and all of them are on record then', async () => {
    service = await startService()
    const app = await createIngest(service.parts)
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const admin = clientOf(url, await service.key('admin'))
    const waiting: (() => void)[] = []
    await using receiver = await startReceiver((response) => void waiting.push(() => response.end('{}')))
    const made = await makeCallable(admin, { rates: receiver.url })
    const calls = Array.from({ length: 3 }, () =>
      admin(`/api/v1/apps/${made.id}/capabilities/rates/call`, { json: { payload: 1 } }),
    )
    await expect.poll(() => waiting.length, PATIENCE).toBe(3)
    const closed = app.close()
    for (const answer of waiting) answer()
    for (const answer of await Promise.all(calls)) expect(answer.json()).toMatchObject({ outcome: 'ok' })
    await closed
    expect(await outcomes(made.uuid)).toEqual(['ok', 'ok', 'ok'])
  })

  it('beyond what may wait for one app have their fallback at once, and other apps are called', async () => {
    service = await startService()
    const app = await createIngest({ ...service.parts, maxCallsPerApp: 2 })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const admin = clientOf(url, await service.key('admin'))
    const waiting: (() => void)[] = []
    await using receiver = await startReceiver((response) => void waiting.push(() => response.end('{}')))
    const [one, other] = [
      await makeCallable(admin, { rates: receiver.url }),
      await makeCallable(admin, { rates: receiver.url }),
    ]
    const call = (appId: string) =>
      admin(`/api/v1/apps/${appId}/capabilities/rates/call`, { json: { payload: 1 } })
    const open = [call(one.id), call(one.id)]
    await expect.poll(() => waiting.length, PATIENCE).toBe(2)
    expect((await call(one.id)).json()).toMatchObject({
      outcome: 'fallback',
      reason: 'overloaded',
      attempts: 0,
    })
    open.push(call(other.id))
    await expect.poll(() => waiting.length, PATIENCE).toBe(3)
    for (const answer of waiting) answer()
    for (const answer of await Promise.all(open)) expect(answer.status).toBe(200)
    await app.close()
  })

  it('are counted, and what only operators should notice is in the log without a payload', async () => {
    const lines: string[] = []
    const logger = pino({}, { write: (line: string) => void lines.push(line) })
    service = await startService({ logger })
    const admin = clientOf(service.url, await service.key('admin'))
    await using receiver = await startReceiver((response) => response.writeHead(500).end())
    const made = await makeCallable(admin, { winner: { url: receiver.url, fallback: 'random-winner' } })
    const json = { payload: { candidates: 'a secret that is no list' } }
    const answer = await admin(`/api/v1/apps/${made.id}/capabilities/winner/call`, { json })
    expect(answer.json()).toMatchObject({ outcome: 'fallback', data: null })
    const incidents = () => lines.filter((line) => line.includes('a call met with an incident'))
    await expect.poll(incidents, PATIENCE).toHaveLength(1)
    expect(JSON.parse(incidents()[0] ?? '')).toMatchObject({
      kind: 'fallback',
      app: made.id,
      capability: 'winner',
    })
    expect(lines.join('')).not.toContain('a secret that is no list')
    const metrics = async () => (await admin('/metrics')).text
    await expect
      .poll(metrics, PATIENCE)
      .toContain('posthorn_calls_total{outcome="fallback",reason="http_5xx"} 1')
    expect(await metrics()).toContain('posthorn_call_incidents_total{kind="fallback"} 1')
  })
})
