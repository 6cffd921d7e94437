import { describe, expect, it } from 'vitest'
import { parseOptions } from './options.ts'

describe('parseOptions', () => {
  it('runs everything three times unless told otherwise', () => {
    const options = parseOptions([])
    expect(options).toMatchObject({ quick: false, rounds: 3, deliveries: 20_000 })
    expect(options.suites).toEqual([
      'delivery',
      'ingest',
      'claim',
      'latency',
      'isolation',
      'capture',
      'hook',
      'calls',
    ])
  })

  it('takes some suites, in their own order', () => {
    const options = parseOptions([
      '--quick',
      '--only',
      'latency,delivery',
      '--rounds',
      '5',
      '--json',
      'a.json',
    ])
    expect(options).toMatchObject({ quick: true, rounds: 5, deliveries: 2_000, jsonFile: 'a.json' })
    expect(options.suites).toEqual(['delivery', 'latency'])
  })

  it.each([[['--only', 'speed']], [['--rounds', '0']], [['--rounds', 'many']], [['--loud']]])(
    'refuses %j',
    (argv) => {
      expect(() => parseOptions(argv)).toThrow()
    },
  )
})
