import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkPlaces } from './check-places.ts'

let folder = ''
let spool = ''
let logs = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-doctor-'))
  spool = join(folder, '.claude/posthorn/spool')
  logs = join(folder, '.claude/posthorn/logs')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const states = () => checkPlaces(spool, logs).map(({ name, state }) => `${name} ${state}`)

describe('checkPlaces', () => {
  it('is content with folders that can be made, and makes none', () => {
    expect(states()).toEqual(['spool ok', 'logs ok'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('is content with what is the own and can be written, and leaves nothing there', () => {
    for (const path of [spool, logs]) mkdirSync(path, { recursive: true, mode: 0o700 })
    expect(states()).toEqual(['spool ok', 'logs ok'])
    expect([...readdirSync(spool), ...readdirSync(logs)]).toEqual([])
  })

  it('warns where others can read', () => {
    mkdirSync(spool, { recursive: true })
    chmodSync(spool, 0o755)
    expect(checkPlaces(spool, logs)[0]).toMatchObject({
      state: 'warn',
      message: expect.stringContaining('mode 755'),
    })
  })

  it('fails where nothing can be written', () => {
    mkdirSync(join(folder, '.claude'))
    writeFileSync(join(folder, '.claude/posthorn'), 'a file')
    expect(states()).toEqual(['spool fail', 'logs fail'])
  })

  it('warns where git would take the events into the repository', () => {
    execFileSync('git', ['init', '--quiet', folder])
    mkdirSync(spool, { recursive: true, mode: 0o700 })
    expect(states()).toEqual(['spool ok', 'logs ok', 'spool warn'])
    writeFileSync(join(folder, '.gitignore'), '.claude/posthorn/\n')
    expect(states()).toEqual(['spool ok', 'logs ok'])
  })
})
