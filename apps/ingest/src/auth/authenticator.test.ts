import type { KeyIdentity } from '@posthorn/db'
import { describe, expect, it, vi } from 'vitest'
import { Authenticator } from './authenticator.ts'

const text = (digit: string) => `phk_${digit.repeat(32)}_${'s'.repeat(40)}`
const identity: KeyIdentity = { id: 'id-1', appId: null, name: 'one', role: 'admin' }

function setUp(found: KeyIdentity | undefined = identity) {
  let now = 0
  const directory = {
    identify: vi.fn(async (_text: string): Promise<KeyIdentity | undefined> => found),
    touch: vi.fn(async (_id: string) => undefined),
  }
  const clock = { now: () => now, monotonic: () => now }
  const authenticator = new Authenticator(directory, { clock })
  const advance = (ms: number) => {
    now += ms
  }
  return { directory, authenticator, advance }
}

describe('Authenticator', () => {
  it('remembers a key for five seconds and no longer', async () => {
    const { authenticator, advance, directory } = setUp()
    await authenticator.identify(text('a'))
    advance(4_999)
    expect(authenticator.remembered(text('a'))).toBe(identity)
    advance(1)
    expect(authenticator.remembered(text('a'))).toBeUndefined()
    expect(directory.identify).toHaveBeenCalledTimes(1)
  })

  it('does not remember an unknown key, and asks nobody about what has not the form of one', async () => {
    const { authenticator, directory } = setUp()
    directory.identify.mockResolvedValue(undefined)
    expect(await authenticator.identify(text('a'))).toBeUndefined()
    expect(authenticator.remembered(text('a'))).toBeUndefined()
    expect(await authenticator.identify('phk_short')).toBeUndefined()
    expect(directory.identify).toHaveBeenCalledTimes(1)
  })

  it('looks a key up once for all who wait for it', async () => {
    const { authenticator, directory } = setUp()
    const answers = await Promise.all(Array.from({ length: 50 }, () => authenticator.identify(text('a'))))
    expect(new Set(answers)).toEqual(new Set([identity]))
    expect(directory.identify).toHaveBeenCalledTimes(1)
  })

  it('fails with the database, and asks again the next time', async () => {
    const { authenticator, directory } = setUp()
    directory.identify.mockRejectedValueOnce(new Error('Connection terminated'))
    await expect(authenticator.identify(text('a'))).rejects.toThrow('Connection terminated')
    expect(await authenticator.identify(text('a'))).toBe(identity)
  })

  it('goes by what it knew while the database does not answer, for a minute, and makes one of many wait', async () => {
    const { authenticator, directory, advance } = setUp()
    await authenticator.identify(text('a'))
    advance(5_000)
    directory.identify.mockImplementation(() => new Promise(() => undefined))
    expect(await authenticator.identify(text('a'))).toBe(identity)
    // Nobody else waits for a second.
    expect(authenticator.remembered(text('a'))).toBe(identity)
    advance(1_000)
    expect(authenticator.remembered(text('a'))).toBeUndefined()
    expect(await authenticator.identify(text('a'))).toBe(identity)
    advance(54_000)
    const late = authenticator.identify(text('a'))
    expect(await Promise.race([late, Promise.resolve('waits')])).toBe('waits')
    await expect(late).rejects.toThrow('does not answer')
  })

  it('goes by what it knew where a look-up fails, and forgets a key that was revoked', async () => {
    const { authenticator, directory, advance } = setUp()
    await authenticator.identify(text('a'))
    advance(5_000)
    directory.identify.mockRejectedValueOnce(new Error('Connection terminated'))
    expect(await authenticator.identify(text('a'))).toBe(identity)
    advance(1_000)
    directory.identify.mockResolvedValueOnce(undefined)
    expect(await authenticator.identify(text('a'))).toBeUndefined()
    directory.identify.mockRejectedValueOnce(new Error('Connection terminated'))
    await expect(authenticator.identify(text('a'))).rejects.toThrow('Connection terminated')
  })

  it('keeps a thousand keys, the least recently used leaving first', async () => {
    const { authenticator } = setUp()
    const key = (at: number) => `phk_${at.toString(16).padStart(32, '0')}_${'s'.repeat(40)}`
    for (let at = 0; at < 1_000; at += 1) await authenticator.identify(key(at))
    expect(authenticator.remembered(key(0))).toBe(identity)
    await authenticator.identify(key(1_000))
    expect(authenticator.remembered(key(0))).toBe(identity)
    expect(authenticator.remembered(key(1))).toBeUndefined()
  })

  it('notes the use of a key once a minute, after the request and never failing it', async () => {
    const { authenticator, directory, advance } = setUp()
    directory.touch.mockRejectedValue(new Error('down'))
    await authenticator.identify(text('a'))
    expect(directory.touch).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(directory.touch).toHaveBeenCalledExactlyOnceWith('id-1'))
    authenticator.remembered(text('a'))
    advance(59_999)
    await authenticator.identify(text('a'))
    advance(1)
    await authenticator.identify(text('a'))
    await vi.waitFor(() => expect(directory.touch).toHaveBeenCalledTimes(2))
  })

  it('holds no key in clear', async () => {
    const { authenticator } = setUp()
    await authenticator.identify(text('a'))
    const { inspect } = await import('node:util')
    expect(inspect(authenticator, { depth: 10, showHidden: true })).not.toContain('s'.repeat(40))
  })
})
