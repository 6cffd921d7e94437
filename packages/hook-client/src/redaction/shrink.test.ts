import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CUT_FIELD, shrinkBody } from './shrink.ts'

it('leaves what is small enough', () => {
  const body = '{"a" : 1}'
  expect(shrinkBody(body, 9)).toBe(body)
})

it('makes any object small enough, and keeps its short fields', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 30 }),
      fc.array(fc.string({ unit: 'binary', minLength: 500, maxLength: 3_000 }), { maxLength: 5 }),
      fc.integer({ min: 4_096, max: 20_000 }),
      (fields, texts, maxBytes) => {
        const body = JSON.stringify({ hook_event_name: 'Stop', session_id: 's1', fields, texts })
        const shrunk = shrinkBody(body, maxBytes)
        expect(shrunk).toBeDefined()
        expect(Buffer.byteLength(shrunk ?? '')).toBeLessThanOrEqual(maxBytes)
        expect(JSON.parse(shrunk ?? '')).toMatchObject({ hook_event_name: 'Stop', session_id: 's1' })
      },
    ),
  )
})

it('says how much is missing, also after a second cut', () => {
  const first = shrinkBody(JSON.stringify({ long: 'a'.repeat(10_000) }), 5_000) ?? ''
  const second = shrinkBody(first, 1_000) ?? ''
  const { long, [CUT_FIELD]: note } = JSON.parse(second) as Record<string, string>
  const kept = /^a*/.exec(long ?? '')?.[0].length ?? 0
  expect(long).toMatch(new RegExp(`^a+…\\[posthorn: ${10_000 - kept} characters cut\\]$`))
  expect(note).toEqual({ reason: 'too-large', originalBytes: 10_011 })
})

it('cuts long lists and objects when there are no long texts', () => {
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`field${i}`, i]))
  const body = JSON.stringify({
    hook_event_name: 'Stop',
    list: Array.from({ length: 2_000 }, (_, i) => i),
    many,
  })
  const fields = JSON.parse(shrinkBody(body, 4_096) ?? '') as {
    list: unknown[]
    many: Record<string, unknown>
  }
  expect(fields.list.at(-1)).toMatch(/^…\[posthorn: \d+ items cut\]$/)
  expect(fields.many[CUT_FIELD]).toMatch(/^\d+ fields$/)
})

it('cannot cut what is no object', () => {
  expect(shrinkBody(`["${'a'.repeat(100)}"]`, 50)).toBeUndefined()
  expect(shrinkBody('x'.repeat(100), 50)).toBeUndefined()
})
