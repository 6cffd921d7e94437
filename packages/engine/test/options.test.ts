import { generateEncryptionKey } from '@posthorn/db'
import { describe, expect, it } from 'vitest'
import { createPosthorn, rawJson } from '../src/index.ts'

describe('createPosthorn', () => {
  it('names every option that is wrong at once', () => {
    const create = () =>
      createPosthorn({
        connectionString: 'postgres://127.0.0.1:1/none',
        encryptionKeys: generateEncryptionKey(),
        concurrency: 0,
        timeoutMs: Number.NaN,
        retry: { delays: [-1] },
        circuit: { openForMs: -5 },
      })
    expect(create).toThrow(
      expect.objectContaining({
        code: 'validation',
        issues: ['concurrency', 'timeoutMs', 'retry.delays[0]', 'circuit.openForMs'].map((path) =>
          expect.objectContaining({ path }),
        ),
      }),
    )
  })

  it('wants one of a connection string and a pool', () => {
    expect(() => createPosthorn({ encryptionKeys: generateEncryptionKey() })).toThrow(/connectionString/)
  })

  it.each([
    [{}, ['connectionString', 'encryptionKeys']],
    [{ connectionString: '', encryptionKeys: '' }, ['connectionString', 'encryptionKeys']],
    [{ connectionString: 'postgres://h/d', encryptionKeys: 'k1:short' }, ['encryptionKeys[0]']],
  ])('names what a caller without types leaves out: %j', (options, paths) => {
    expect(() => createPosthorn(options as Parameters<typeof createPosthorn>[0])).toThrow(
      expect.objectContaining({ issues: paths.map((path) => expect.objectContaining({ path })) }),
    )
  })
})

describe('rawJson', () => {
  it('refuses text that is no JSON', () => {
    expect(() => rawJson('{"a":')).toThrow(expect.objectContaining({ code: 'validation' }))
    expect(rawJson('1e400')).toEqual({ json: '1e400' })
  })
})
