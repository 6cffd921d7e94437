import { describe, expect, it } from 'vitest'
import { describeCircuitStore } from './conformance.ts'
import { MemoryCircuitStore } from './memory-store.ts'
import { addOutcome, outcomesOf } from './outcomes.ts'
import type { CircuitSettings } from './settings.ts'
import type { CircuitState } from './state.ts'
import { orderDeltas } from './store.ts'

describeCircuitStore('MemoryCircuitStore', () => {
  const states = new Map<string, CircuitState>()
  const settingsOf = new Map<string, CircuitSettings>()
  const settings = (key: string) => {
    const known = settingsOf.get(key)
    if (known === undefined) throw new Error(`no settings for ${key}`)
    return known
  }
  return {
    open: () => new MemoryCircuitStore({ settings, states }),
    newKey: (ofKey) => {
      const key = `circuit-${settingsOf.size}`
      settingsOf.set(key, ofKey)
      return key
    },
  }
})

describe('MemoryCircuitStore', () => {
  const failure = addOutcome(outcomesOf(0), 'failure')

  it('uses the default settings and a map of its own unless told otherwise', async () => {
    const [one, two] = [new MemoryCircuitStore(), new MemoryCircuitStore()]
    const [answer] = await one.apply([{ key: 'a', events: Array.from({ length: 5 }, () => failure) }])
    expect(answer?.state.name).toBe('open')
    expect((await two.read(['a'])).size).toBe(0)
  })

  it('takes its time from the clock it is given', async () => {
    const store = new MemoryCircuitStore({ clock: { now: () => 42 } })
    const [answer] = await store.apply([{ key: 'a', events: [{ type: 'reset' }] }])
    expect(answer?.changes).toMatchObject([{ at: 42 }])
  })

  it('forgets circuits it is told to', async () => {
    const store = new MemoryCircuitStore()
    await store.apply([{ key: 'a', events: [failure] }])
    store.delete(['a', 'unknown'])
    expect((await store.read(['a'])).size).toBe(0)
  })
})

describe('orderDeltas', () => {
  it('sorts by key and joins the events of one key in order', () => {
    const [reset, force] = [{ type: 'reset' }, { type: 'force', to: 'disabled' }] as const
    expect(
      orderDeltas([
        { key: 'b', events: [reset] },
        { key: 'a', events: [force] },
        { key: 'b', events: [force] },
      ]),
    ).toEqual([
      { key: 'a', events: [force] },
      { key: 'b', events: [reset, force] },
    ])
  })
})
