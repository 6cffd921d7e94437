import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatId, type IdPrefix, newRequestId, parseId } from './ids.ts'
import { uuidv7 } from './uuid.ts'

const PREFIXES: IdPrefix[] = ['app', 'key', 'ep', 'evt', 'dlv', 'att', 'dl', 'req', 'call', 'apr', 'ntf']

describe('ids', () => {
  it('come back from each of their written forms', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PREFIXES), fc.uuid(), (prefix, uuid) => {
        const text = formatId(prefix, uuid)
        expect(text).toMatch(/^[a-z]{2,4}_[0-9a-f]{32}$/)
        for (const form of [text, uuid, uuid.replaceAll('-', ''), uuid.toUpperCase()]) {
          expect(parseId(prefix, form)).toBe(uuid)
        }
      }),
    )
  })

  it('are refused under another prefix', () => {
    for (const given of PREFIXES) {
      for (const asked of PREFIXES) {
        if (given !== asked) expect(parseId(asked, formatId(given, uuidv7()))).toBeUndefined()
      }
    }
  })

  it('are refused when they are not ids', () => {
    for (const text of [
      '',
      'evt_',
      'evt_123',
      'evt_evt_',
      `evt_${'g'.repeat(32)}`,
      `evt_${'0'.repeat(33)}`,
    ]) {
      expect(parseId('evt', text)).toBeUndefined()
    }
  })

  it('of requests are fresh and ordered', () => {
    const ids = Array.from({ length: 100 }, () => newRequestId())
    expect(ids).toEqual([...new Set(ids)].toSorted())
    expect(ids.every((id) => parseId('req', id) !== undefined)).toBe(true)
  })
})
