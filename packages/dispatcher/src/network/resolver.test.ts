import { describe, expect, it } from 'vitest'
import { createCachedResolver, type HostAddress, systemResolve } from './resolver.ts'

function fixture() {
  let time = 0
  const asked: string[] = []
  const open: { answer(addresses: HostAddress[]): void; fail(error: Error): void }[] = []
  const resolve = createCachedResolver(
    (hostname) => {
      asked.push(hostname)
      return new Promise((answer, fail) => open.push({ answer, fail }))
    },
    { now: () => time, monotonic: () => time },
  )
  const settle = (addresses: HostAddress[] | Error) => {
    const question = open.shift()
    if (addresses instanceof Error) question?.fail(addresses)
    else question?.answer(addresses)
  }
  return { resolve, asked, settle, wait: (ms: number) => (time += ms) }
}

const RECORDS = [{ address: '1.1.1.1', family: 4 }]

describe('createCachedResolver', () => {
  it('asks once for all who wait, however long the answer takes', async () => {
    const { resolve, asked, settle, wait } = fixture()
    const first = resolve('a.example')
    wait(60_000)
    const others = Array.from({ length: 20 }, () => resolve('a.example'))
    expect(asked).toEqual(['a.example'])
    settle(RECORDS)
    expect(await Promise.all([first, ...others])).toEqual(Array.from({ length: 21 }, () => RECORDS))
  })

  it('remembers an answer for five seconds', async () => {
    const { resolve, asked, settle, wait } = fixture()
    const first = resolve('a.example')
    settle(RECORDS)
    await first
    wait(4_999)
    await resolve('a.example')
    expect(asked).toHaveLength(1)
    wait(1)
    void resolve('a.example')
    expect(asked).toHaveLength(2)
  })

  it('remembers a failure for one second', async () => {
    const { resolve, asked, settle, wait } = fixture()
    const first = resolve('a.example')
    settle(new Error('no'))
    await expect(first).rejects.toThrow('no')
    wait(999)
    await expect(resolve('a.example')).rejects.toThrow('no')
    expect(asked).toHaveLength(1)
    wait(1)
    const again = resolve('a.example')
    settle(RECORDS)
    expect(await again).toEqual(RECORDS)
  })

  it('forgets the oldest of more than a thousand hosts', async () => {
    const { resolve, asked, settle } = fixture()
    for (let i = 0; i <= 1_000; i++) {
      const answer = resolve(`${i}.example`)
      settle(RECORDS)
      await answer
    }
    await resolve('1000.example')
    expect(asked).toHaveLength(1_001)
    void resolve('0.example')
    expect(asked).toHaveLength(1_002)
  })
})

describe('systemResolve', () => {
  it('gives all addresses of localhost', async () => {
    const addresses = await systemResolve('localhost')
    expect(addresses.map(({ address }) => address)).toContain('127.0.0.1')
  })

  it('rejects with a DNS code for a name that cannot exist', async () => {
    await expect(systemResolve('does-not-exist.invalid')).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
    })
  })
})
