import { describe, expect, it } from 'vitest'
import { APP_20_MS, APP_50_MS, type Cell, OPEN_AFTER_SILENCE, OPEN_CIRCUIT, OPEN_UNPAUSED } from './cells.ts'
import { BARE, gatesOf, OURS } from './gates.ts'

const measured = (contender: string, { name }: Cell, round: number, p50: number, p99 = p50) => ({
  ...{ contender, cell: name, round, values: { p50, p99 } },
})

describe('gatesOf', () => {
  it('compares a call with bare undici inside each round, and takes the median of the rounds', () => {
    const gates = gatesOf([
      ...[measured(BARE, APP_50_MS, 0, 50), measured(OURS, APP_50_MS, 0, 50.5, 53)],
      ...[measured(BARE, APP_50_MS, 1, 90), measured(OURS, APP_50_MS, 1, 90.9, 96)],
      ...[measured(BARE, APP_50_MS, 2, 50), measured(OURS, APP_50_MS, 2, 59, 56)],
    ])
    expect(gates.slice(0, 2)).toEqual([
      {
        text: 'app takes 50 ms: a call costs at most 1 ms more than bare undici at p50: 0.90 ms (0.50 to 9.00)',
        isMet: true,
      },
      {
        text: 'app takes 50 ms: a call costs at most 5 ms more than bare undici at p99: 6.00 ms (3.00 to 6.00)',
        isMet: false,
      },
    ])
  })

  it('shows every reading, and meets none that was not measured', () => {
    const gates = gatesOf([
      { ...measured(OURS, APP_20_MS, 0, 1), values: {} },
      measured(OURS, OPEN_CIRCUIT, 0, 0.1, 4.9),
      measured(OURS, OPEN_UNPAUSED, 0, 1, 5.1),
      measured(OURS, OPEN_AFTER_SILENCE, 0, 1, 5),
    ])
    expect(gates.map(({ isMet }) => isMet)).toEqual([false, false, false, false, true, false, true])
  })
})
