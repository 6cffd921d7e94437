import { describe, expect, it } from 'vitest'
import { linesOf, type Measurement, ratioOf, type SuiteResult } from './measurements.ts'
import { renderReport } from './report.ts'

const measured = (contender: string, round: number, rate: number): Measurement => ({
  contender,
  cell: '',
  round,
  values: { rate },
})

const result: SuiteResult = {
  suite: 'delivery',
  title: 'delivery',
  notes: [],
  metrics: [{ key: 'rate', header: 'per second', digits: 0, ratio: 'rate' }],
  ours: 'posthorn',
  ceiling: 'undici',
  measurements: [
    measured('posthorn', 0, 12_000),
    measured('peer', 0, 4_000),
    {
      contender: 'broken',
      cell: '',
      round: 0,
      error: 'verification: 9 attempt rows for 10 jobs',
      values: {},
    },
    measured('undici', 0, 24_000),
    measured('posthorn', 1, 5_000),
    measured('peer', 1, 2_000),
    {
      contender: 'broken',
      cell: '',
      round: 1,
      error: 'verification: 9 attempt rows for 10 jobs',
      values: {},
    },
    measured('undici', 1, 10_000),
  ],
}

describe('ratioOf', () => {
  it('compares inside each round, not the medians', () => {
    const [ours, peer] = linesOf(result.measurements)
    if (ours === undefined || peer === undefined) throw new Error('no lines')
    expect(ratioOf(ours, peer, 'rate')).toEqual({ median: 2.75, min: 2.5, max: 3, count: 2 })
    expect(ratioOf(ours, peer, 'unknown')).toBeUndefined()
  })

  it('leaves out a round in which either failed', () => {
    const lines = linesOf(result.measurements.filter((m) => !(m.contender === 'peer' && m.round === 1)))
    const [ours, peer] = lines
    if (ours === undefined || peer === undefined) throw new Error('no lines')
    expect(ratioOf(ours, peer, 'rate')?.count).toBe(1)
  })
})

describe('renderReport', () => {
  const text = renderReport({ machine: 'a machine' }, [result])

  it('says of each gate whether it is met', () => {
    const gates = [
      { text: 'quick', isMet: true },
      { text: 'lossless', isMet: false },
    ]
    const lines = renderReport({}, [{ ...result, gates }]).split('\n')
    expect(lines).toEqual(expect.arrayContaining(['  met: quick', '  NOT MET: lossless']))
  })

  it('names a contender that failed and why', () => {
    expect(text).toMatch(/^broken +0 of 2 +FAILED$/m)
    expect(text).toContain('FAILED broken: verification: 9 attempt rows for 10 jobs')
  })

  it('shows medians with extremes, and ratios to the peer and to the limit', () => {
    expect(text).toMatch(/^peer +2 +3 000 \(2 000–4 000\)$/m)
    expect(text).toMatch(/^posthorn : peer +2\.75 \(2\.50–3\.00\)$/m)
    expect(text).toMatch(/^posthorn : undici +0\.50$/m)
    expect(text).toMatch(/^peer : undici +0\.18/m)
  })
})
