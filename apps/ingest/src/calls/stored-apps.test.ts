import type { CallableApp as StoredApp } from '@posthorn/db'
import { CALL_DEFAULTS } from '@posthorn/delegator'
import { describe, expect, it } from 'vitest'
import { StoredApps } from './stored-apps.ts'

const stored = (version: number, more: Partial<StoredApp> = {}): StoredApp => ({
  appId: 'a',
  name: 'Quiz',
  secrets: ['whsec_b25l'],
  manifest: {
    version,
    manifest: {
      webhooks: { tax: { url: `http://127.0.0.1/${version}`, responseSchema: { type: 'object' } } },
    },
    healthUrl: null,
    createdAt: new Date(0),
    createdBy: null,
  },
  endpoints: [
    {
      ...{ id: 'e', capability: 'tax', url: `http://127.0.0.1/${version}`, origin: 'manifest' },
      ...{ timeoutMs: 10_000, connectTimeoutMs: 5_000 },
    },
  ],
  ...more,
})

/** A directory over a database that says what the test wants, at a time that the test sets. */
function directory() {
  const database = { now: 0, looks: 0, answer: async (): Promise<StoredApp | undefined> => stored(1) }
  const apps = new StoredApps({
    manifests: {
      callable: () => {
        database.looks += 1
        return database.answer()
      },
    },
    defaults: CALL_DEFAULTS,
    clock: { monotonic: () => database.now },
  })
  return { database, apps }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('stored apps', () => {
  it('are looked up once for all who ask at the same time, and then known for a second', async () => {
    const { database, apps } = directory()
    const found = await Promise.all([apps.find('a'), apps.find('a'), apps.find('a')])
    expect(new Set(found).size).toBe(1)
    database.now = 999
    expect(apps.find('a')).toBe(found[0])
    expect(database.looks).toBe(1)
  })

  it('are read again beside the call that uses them, and waited for after two seconds', async () => {
    const { database, apps } = directory()
    const first = await apps.find('a')
    database.answer = async () => stored(2)
    database.now = 1_500
    expect(apps.find('a')).toBe(first)
    await settled()
    const second = await apps.find('a')
    expect(second?.capabilities.get('tax')?.url).toBe('http://127.0.0.1/2')
    database.answer = async () => stored(3)
    database.now = 3_500
    expect((await apps.find('a'))?.capabilities.get('tax')?.url).toBe('http://127.0.0.1/3')
  })

  it('stay the same object for the same manifest, and keep its schemas for another secret', async () => {
    const { database, apps } = directory()
    const first = await apps.find('a')
    database.now = 5_000
    expect(await apps.find('a')).toBe(first)
    database.answer = async () => stored(1, { secrets: ['whsec_dHdv', 'whsec_b25l'] })
    database.now = 10_000
    const rotated = await apps.find('a')
    expect(rotated?.secret).toEqual(['whsec_dHdv', 'whsec_b25l'])
    expect(rotated?.capabilities.get('tax')?.responseSchema).toBe(
      first?.capabilities.get('tax')?.responseSchema,
    )
  })

  it('are used on while the database does not answer, for a minute and not longer', async () => {
    const { database, apps } = directory()
    const first = await apps.find('a')
    database.answer = () => Promise.reject(new Error('down'))
    database.now = 30_000
    expect(await apps.find('a')).toBe(first)
    database.now = 60_000
    await expect(apps.find('a')).rejects.toThrow('down')
    database.now = 30_000
    database.answer = () => new Promise(() => undefined)
    expect(await apps.find('a')).toBe(first)
  })

  it('are forgotten when something was changed, also while they are being read', async () => {
    const { database, apps } = directory()
    let release: (app: StoredApp) => void = () => undefined
    database.answer = () =>
      new Promise((resolve) => {
        release = resolve
      })
    const before = apps.find('a')
    apps.forget('a')
    release(stored(1))
    expect((await before)?.capabilities.get('tax')?.url).toBe('http://127.0.0.1/1')
    database.answer = async () => stored(2)
    expect((await apps.find('a'))?.capabilities.get('tax')?.url).toBe('http://127.0.0.1/2')
    database.answer = async () => undefined
    apps.forget('a')
    expect(await apps.find('a')).toBeUndefined()
  })

  it('offer nothing without a secret, and API endpoints with the defaults of their name', async () => {
    const { database, apps } = directory()
    const [endpoint] = stored(1).endpoints
    const api = { ...endpoint, id: 'x', capability: 'quiz_answer', origin: 'api', timeoutMs: 30_000 } as const
    const slow = { ...api, id: 'y', capability: 'mail', timeoutMs: 100 } as const
    const endpoints = [api, slow] as StoredApp['endpoints']
    database.answer = async () => stored(1, { manifest: undefined, endpoints })
    const app = await apps.find('a')
    expect(app?.capabilities.get('quiz_answer')).toMatchObject({ endpointId: 'x', timeoutMs: 2_000 })
    expect(app?.capabilities.get('mail')).toMatchObject({ endpointId: 'y', timeoutMs: 1_000 })
    database.answer = async () => stored(1, { secrets: [], endpoints })
    expect((await apps.read('a'))?.capabilities.size).toBe(0)
  })
})
