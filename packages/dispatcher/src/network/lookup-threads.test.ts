import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createFairLookup, threadPoolSize } from './lookup-threads.ts'
import type { HostAddress } from './resolver.ts'

const RECORDS: readonly HostAddress[] = [{ address: '1.1.1.1', family: 4 }]

function fixture(threads = 4) {
  let time = 0
  const open = new Map<string, (result: readonly HostAddress[] | Error) => void>()
  const asked: string[] = []
  const lookup = createFairLookup(
    (hostname) => {
      asked.push(hostname)
      return new Promise((resolve, reject) => {
        open.set(hostname, (result) => (result instanceof Error ? reject(result) : resolve(result)))
      })
    },
    { threads, clock: { now: () => time, monotonic: () => time } },
  )
  const settle = async (hostname: string, result: readonly HostAddress[] | Error = RECORDS) => {
    open.get(hostname)?.(result)
    open.delete(hostname)
    await setImmediate()
  }
  const prove = async (hostname: string) => {
    const answer = lookup(hostname)
    await settle(hostname)
    await answer
  }
  const running = () => [...open.keys()]
  return { lookup, settle, prove, running, asked, wait: (ms: number) => (time += ms) }
}

function slowNames(count: number, domain = 'slow.example'): string[] {
  return Array.from({ length: count }, (_, n) => `h${n}.${domain}`)
}

describe('createFairLookup', () => {
  it('leaves half of the threads to names that resolved lately', async () => {
    const { lookup, prove, settle, running } = fixture()
    await prove('shop.example')
    for (const name of [...slowNames(12), ...slowNames(12, 'silent.example')]) void lookup(name)
    expect(running()).toEqual(['h0.slow.example', 'h0.silent.example'])
    const answer = lookup('shop.example')
    expect(running()).toContain('shop.example')
    await settle('shop.example')
    expect(await answer).toBe(RECORDS)
  })

  it('asks at once for a new name of another domain, whatever one domain does', async () => {
    const { lookup, running } = fixture()
    for (const name of slowNames(12)) void lookup(name)
    void lookup('new.example')
    expect(running()).toEqual(['h0.slow.example', 'new.example'])
  })

  it('goes in turn between domains, with one thread as well', async () => {
    const { lookup, settle, asked } = fixture(1)
    for (const name of slowNames(3)) void lookup(name)
    void lookup('a.example')
    void lookup('www.b.example')
    for (let n = 0; n < 5; n++) await settle(asked.at(-1) ?? '')
    expect(asked).toEqual([
      'h0.slow.example',
      'h1.slow.example',
      'a.example',
      'www.b.example',
      'h2.slow.example',
    ])
  })

  it.each<[name: string, ms: number, result: readonly HostAddress[] | Error]>([
    ['took long', 1_001, RECORDS],
    ['failed', 0, new Error('no')],
  ])('takes a name whose last look-up %s for unproven', async (_, ms, result) => {
    const { lookup, prove, settle, wait, running } = fixture()
    await prove('a.shop.example')
    const again = lookup('a.shop.example').catch(() => {})
    wait(ms)
    await settle('a.shop.example', result)
    await again
    void lookup('b.shop.example')
    void lookup('a.shop.example')
    expect(running()).toEqual(['b.shop.example'])
  })

  it('forgets what a name has shown after ten minutes', async () => {
    const { lookup, prove, wait, running } = fixture()
    await prove('a.shop.example')
    wait(600_000)
    void lookup('b.shop.example')
    void lookup('a.shop.example')
    expect(running()).toEqual(['b.shop.example'])
  })

  it('does not ask when nobody waits any more, nor lets more than a thousand wait', async () => {
    const { lookup, settle, wait, asked } = fixture()
    void lookup('h.slow.example')
    const old = expect(lookup('i.slow.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' })
    wait(30_001)
    const next = lookup('j.slow.example')
    await settle('h.slow.example')
    await old
    expect(asked).toEqual(['h.slow.example', 'j.slow.example'])
    await settle('j.slow.example')
    expect(await next).toBe(RECORDS)
    for (const name of slowNames(1_001)) void lookup(name)
    await expect(lookup('one.more.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  })

  it('passes an error on and gives its thread back', async () => {
    const { lookup, settle, running } = fixture(1)
    const first = expect(lookup('a.example')).rejects.toThrow('no')
    void lookup('b.example')
    await settle('a.example', new Error('no'))
    await first
    expect(running()).toEqual(['b.example'])
  })
})

describe('threadPoolSize', () => {
  it.each([
    [undefined, 4],
    ['16', 16],
    ['0', 1],
    ['many', 1],
    ['5000', 1_024],
  ])('of %j is %i', (UV_THREADPOOL_SIZE, size) => {
    expect(threadPoolSize({ UV_THREADPOOL_SIZE })).toBe(size)
  })
})
