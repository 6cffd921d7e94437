import type { BenchOptions } from '../options.ts'
import type { QueueRows } from './target.ts'

/** A state of the queue in which a claim of 500 is timed. */
export interface Scenario {
  name: string
  history: number
  rows: QueueRows[]
}

const TWO_HOURS_AGO = -7_200
const ONE_HOUR_AGO = -3_600
const IN_ONE_HOUR = 3_600

/** Small and large, flooded by one endpoint, and almost nothing due among many waiting retries. */
export function scenarios({ small, large, endpoints }: BenchOptions['claim']): Scenario[] {
  const size = (count: number) => count.toLocaleString('en').replaceAll(',', ' ')
  const even = (count: number): QueueRows[] => [
    { count, firstGroup: 1, groups: endpoints, offsetSeconds: ONE_HOUR_AGO },
  ]
  const one = (count: number): QueueRows => ({
    count,
    firstGroup: 0,
    groups: 1,
    offsetSeconds: TWO_HOURS_AGO,
  })
  return [
    {
      name: `history ${size(small)}, due ${size(small)} over ${size(endpoints)} endpoints`,
      history: small,
      rows: even(small),
    },
    {
      name: `history ${size(large)}, due ${size(large)} over ${size(endpoints)} endpoints`,
      history: large,
      rows: even(large),
    },
    {
      name: `flood: due ${size(large)} of one endpoint, ${size(large / 10)} of ${size(endpoints)} others behind`,
      history: large,
      rows: [one(large), ...even(large / 10)],
    },
    {
      name: `retries: only one endpoint due, ${size(endpoints)} with future retries`,
      history: large,
      rows: [
        one(small),
        { count: endpoints * 10, firstGroup: 1, groups: endpoints, offsetSeconds: IN_ONE_HOUR },
      ],
    },
  ]
}
