import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MANIFEST_PAGE, manifestReference, withReference } from './manifest-reference.ts'

const page = readFileSync(join(resolve(import.meta.dirname, '..'), MANIFEST_PAGE), 'utf8')

describe('the reference of the manifest', () => {
  it('is what the schema says; `node --conditions=posthorn-source scripts/manifest-reference.ts` renews it', () => {
    expect(withReference(page, manifestReference())).toBe(page)
  })

  it('tells of every field and every strategy', () => {
    const reference = manifestReference()
    const fields = [
      'webhooks',
      'health',
      'url',
      'timeout',
      'async',
      'retry',
      'fallback',
      'responseSchema',
      'cacheTtl',
    ]
    const retry = ['maxAttempts', 'initialDelay', 'maxDelay', 'backoffMultiplier']
    const strategies = ['static', 'last-good', 'random-winner', 'pending-approval', 'none']
    for (const name of [...fields, ...retry, ...strategies]) expect(reference).toContain(`| \`${name}\``)
  })

  it('has no place in another page', () => {
    expect(() => withReference('# Ordering', 'x')).toThrow('no place')
  })
})
