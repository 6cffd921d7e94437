import { describe, expect, it } from 'vitest'
import { VirtualTime } from '../../test/virtual-time.ts'
import { MemoryAnswerCache } from './memory-answer-cache.ts'

const answer = (json: string) => ({ json, answeredAtMs: 1 })

describe('MemoryAnswerCache', () => {
  it('gives back what it was given, until it expires', async () => {
    const clock = new VirtualTime()
    const cache = new MemoryAnswerCache({ clock })
    await cache.set('k', answer('1'), 1_000)
    expect(await cache.get('k')).toMatchObject(answer('1'))
    clock.advance(999)
    expect(await cache.get('k')).toMatchObject(answer('1'))
    clock.advance(1)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.get('k')).toBeUndefined()
  })

  it('forgets what was not used for longest, by the room that it takes', async () => {
    const cache = new MemoryAnswerCache({ maxCharacters: 12 })
    await cache.set('a', answer('123'), 1_000)
    await cache.set('b', answer('123'), 1_000)
    await cache.set('c', answer('123'), 1_000)
    await cache.get('a')
    await cache.set('d', answer('123'), 1_000)
    expect(await cache.get('b')).toBeUndefined()
    expect(await cache.get('a')).toBeDefined()
    await cache.set('a', answer('1'), 1_000)
    expect(await cache.get('a')).toMatchObject(answer('1'))
    await cache.set('e', answer('x'.repeat(100)), 1_000)
    expect(await cache.get('e')).toBeUndefined()
    expect(await cache.get('a')).toBeUndefined()
  })
})
