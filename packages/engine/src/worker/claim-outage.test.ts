import { expect, it } from 'vitest'
import { keepingLogger } from '../../test/support.ts'
import { ClaimOutage } from './claim-outage.ts'

it('tells each outage once, and once that it is over, and waits longer each time', () => {
  const logger = keepingLogger()
  let now = 1_000
  const outage = new ClaimOutage(logger, () => now)
  const told = () => logger.lines.filter(({ level }) => level !== 'debug').map(({ level }) => level)
  outage.worked()
  expect(told()).toEqual([])
  expect([1, 2, 3, 4, 5, 6].map(() => outage.failed(new Error('away')))).toEqual([
    200, 400, 800, 1_600, 2_000, 2_000,
  ])
  expect(told()).toEqual(['warn'])
  now += 7_000
  outage.worked()
  outage.worked()
  expect(told()).toEqual(['warn', 'info'])
  expect(logger.lines.at(-1)).toMatchObject({ fields: { failures: 6, outageMs: 7_000 } })
  expect(outage.failed(new Error('away again'))).toBe(200)
  expect(told()).toEqual(['warn', 'info', 'warn'])
})
