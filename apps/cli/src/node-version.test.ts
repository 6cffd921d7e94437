import { expect, it } from 'vitest'
import { tooOld } from './node-version.ts'

it.each([
  ['20.20.2', true],
  ['22.18.9', true],
  ['22.19.0', false],
  ['24.0.0', false],
])('judges Node %s', (version, isTooOld) => {
  expect(tooOld(version) !== undefined).toBe(isTooOld)
})
