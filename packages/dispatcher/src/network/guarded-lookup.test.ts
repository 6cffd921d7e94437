import { describe, expect, it } from 'vitest'
import { BlockedAddressError, guardedLookup } from './guarded-lookup.ts'
import { createNetworkPolicy } from './network-policy.ts'
import type { HostAddress } from './resolver.ts'

const policy = createNetworkPolicy()

interface Answer {
  readonly error: NodeJS.ErrnoException | null
  readonly address: unknown
  readonly family: number | undefined
}

function ask(
  addresses: readonly string[] | Error,
  options: { all?: boolean; family?: number } = { all: true },
) {
  const records: HostAddress[] = []
  if (Array.isArray(addresses)) {
    for (const address of addresses) records.push({ address, family: address.includes(':') ? 6 : 4 })
  }
  const resolve = async () => {
    if (addresses instanceof Error) throw addresses
    return records
  }
  return new Promise<Answer>((done) => {
    guardedLookup(policy, resolve, () => {})('example.com', options, (error, address, family) =>
      done({ error, address, family }),
    )
  })
}

describe('guardedLookup', () => {
  it('hands out exactly the records that it checked', async () => {
    const { error, address } = await ask(['1.1.1.1', '2606:4700::1111'])
    expect(error).toBeNull()
    expect(address).toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ])
  })

  it.each([
    [['127.0.0.1']],
    [['1.1.1.1', '10.0.0.1']],
    [['10.0.0.1', '1.1.1.1']],
    [['1.1.1.1', '::ffff:169.254.169.254']],
    [['1.1.1.1', '2606:4700::1111', 'fd00::1']],
  ])('refuses a name when one of its records is refused: %j', async (records) => {
    const { error, address } = await ask(records)
    expect(error).toBeInstanceOf(BlockedAddressError)
    expect(address).toEqual([])
    expect(JSON.stringify([error?.message, error])).not.toMatch(/10\.0|127\.0|169\.254|fd00/)
  })

  it('refuses by a record of the other family than the one asked for', async () => {
    const { error } = await ask(['1.1.1.1', '::1'], { all: true, family: 4 })
    expect(error).toBeInstanceOf(BlockedAddressError)
  })

  it('answers in the short form when asked for one address', async () => {
    expect(await ask(['1.1.1.1', '8.8.8.8'], {})).toEqual({ error: null, address: '1.1.1.1', family: 4 })
    expect(await ask(['1.1.1.1', '2606:4700::1111'], { family: 6 })).toMatchObject({
      address: '2606:4700::1111',
    })
  })

  it('passes the errors of the resolver on', async () => {
    const error = Object.assign(new Error('no'), { code: 'EAI_AGAIN' })
    expect((await ask(error)).error).toBe(error)
  })

  it('calls a name without records not found', async () => {
    expect((await ask([])).error).toMatchObject({ code: 'ENOTFOUND' })
    expect((await ask(['1.1.1.1'], { all: true, family: 6 })).error).toMatchObject({ code: 'ENOTFOUND' })
  })
})
