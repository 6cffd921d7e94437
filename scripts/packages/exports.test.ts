import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expandKey, exportKeys, specifierOf } from './exports.ts'

describe('exportKeys', () => {
  it('collects the files of every condition of every key', () => {
    const keys = exportKeys({
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './deep': { node: { import: './dist/deep.js' }, default: ['./dist/deep.js', './dist/other.js'] },
      './package.json': './package.json',
    })
    expect(keys).toEqual([
      { key: '.', targets: ['./dist/index.d.ts', './dist/index.js'] },
      { key: './deep', targets: ['./dist/deep.js', './dist/deep.js', './dist/other.js'] },
      { key: './package.json', targets: ['./package.json'] },
    ])
  })

  it('reads a bare string and a bare condition object as the root', () => {
    expect(exportKeys('./index.js')).toEqual([{ key: '.', targets: ['./index.js'] }])
    expect(exportKeys({ import: './index.js' })).toEqual([{ key: '.', targets: ['./index.js'] }])
  })

  it('leaves out keys that are closed with null, and a manifest without exports', () => {
    expect(exportKeys({ '.': './index.js', './internal/*': null })).toHaveLength(1)
    expect(exportKeys(undefined)).toEqual([])
  })
})

describe('specifierOf', () => {
  it('joins the name and the key', () => {
    expect(specifierOf('@posthorn/dispatcher', '.')).toBe('@posthorn/dispatcher')
    expect(specifierOf('@posthorn/dispatcher', './signing')).toBe('@posthorn/dispatcher/signing')
  })
})

describe('expandKey', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'exports-'))
    mkdirSync(join(directory, 'migrations/meta'), { recursive: true })
    writeFileSync(join(directory, 'migrations/0001.sql'), '')
    writeFileSync(join(directory, 'migrations/meta/0001.sql'), '')
    writeFileSync(join(directory, 'migrations/notes.md'), '')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('finds the files behind a pattern', () => {
    const keys = expandKey(directory, { key: './migrations/*.sql', targets: ['./migrations/*.sql'] })
    expect(keys.map(({ key }) => key).sort()).toEqual(['./migrations/0001.sql', './migrations/meta/0001.sql'])
    expect(keys.flatMap(({ targets }) => targets).sort()).toEqual([
      './migrations/0001.sql',
      './migrations/meta/0001.sql',
    ])
  })

  it('finds nothing behind a pattern without files', () => {
    expect(expandKey(directory, { key: './x/*', targets: ['./dist/*.js'] })).toEqual([])
  })
})
