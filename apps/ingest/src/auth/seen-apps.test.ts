import type { AppScope } from '@posthorn/engine'
import { expect, it } from 'vitest'
import { SeenApps } from './seen-apps.ts'

it('trusts that an app exists for five seconds, counted from before it was asked', async () => {
  let now = 1_000
  let exists = true
  const seen = new SeenApps(
    {
      hasApp: async () => {
        now += 100
        return exists
      },
      forApp: () => ({}) as AppScope,
    },
    { monotonic: () => now },
  )
  expect(seen.has('a')).toBe(false)
  expect(await seen.find('a')).toBe(true)
  exists = false
  now = 5_999
  expect(seen.scopeOf('a')).toBe(seen.scopeOf('a'))
  expect(seen.has('a')).toBe(true)
  now = 6_000
  expect(seen.has('a')).toBe(false)
  expect(await seen.find('a')).toBe(false)
})
