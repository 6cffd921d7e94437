import { ValidationError } from '@posthorn/core'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { ManualClock } from '../test/fixtures.ts'
import { createCircuitRegistry } from './registry.ts'

const make = (max: number) => createCircuitRegistry({ max, failureThreshold: 1, clock: new ManualClock() })
const keysOf = (registry: ReturnType<typeof make>) => [...registry.entries()].map(([key]) => key)

describe('createCircuitRegistry', () => {
  it('gives the same breaker for the same key, named for it', () => {
    const registry = make(2)
    expect(registry.get('a')).toBe(registry.get('a'))
    expect(registry.get('a')).not.toBe(registry.get('b'))
    expect(registry.get('a').name).toBe('a')
    expect(registry.get('a').settings.failureThreshold).toBe(1)
  })

  it('keeps the keys used last, as a list of all uses would', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.constantFrom(...'abcdefg')), (max, uses) => {
        const registry = make(max)
        for (const key of uses) registry.get(key)
        const lastUses = [...new Set([...uses].reverse())].slice(0, max).reverse()
        expect(keysOf(registry)).toEqual(lastUses)
        expect(registry.size).toBe(lastUses.length)
      }),
    )
  })

  it('forgets a closed circuit sooner than an open one, but has room in any case', () => {
    const registry = make(2)
    registry.get('dead').acquire()?.fail()
    registry.get('fine')
    registry.get('new')
    expect(keysOf(registry)).toEqual(['dead', 'new'])
    registry.get('new').acquire()?.fail()
    registry.get('newer')
    expect(keysOf(registry)).toEqual(['new', 'newer'])
  })

  it('hands out what a forgotten circuit knew', () => {
    const registry = make(1)
    const evicted = vi.fn()
    registry.on('evicted', evicted)
    registry.get('a').acquire()?.fail()
    const snapshot = registry.peek('a')?.snapshot()
    registry.get('b')
    expect(evicted).toHaveBeenCalledExactlyOnceWith({ key: 'a', snapshot })
  })

  it('announces the changes of all its circuits, but not of those it has forgotten', () => {
    const registry = make(1)
    const seen = vi.fn()
    const subscription = registry.on('change', seen)
    const first = registry.get('a')
    first.force('disabled')
    registry.get('b')
    first.force('closed')
    expect(seen).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ key: 'a', to: 'disabled' }))
    subscription.unsubscribe()
    registry.get('b').reset()
    expect(seen).toHaveBeenCalledOnce()
  })

  it('looks at a key without using it, and forgets one when told to', () => {
    const registry = make(2)
    registry.get('a')
    registry.get('b')
    expect(registry.peek('a')?.name).toBe('a')
    expect(registry.peek('c')).toBeUndefined()
    registry.get('c')
    expect(keysOf(registry)).toEqual(['b', 'c'])
    expect([registry.delete('b'), registry.delete('b')]).toEqual([true, false])
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses to keep %d breakers', (max) => {
    expect(() => make(max)).toThrow(ValidationError)
  })

  it('reports wrong settings when it is made', () => {
    expect(() => createCircuitRegistry({ max: 1, openForMs: 0 })).toThrow(ValidationError)
  })
})
