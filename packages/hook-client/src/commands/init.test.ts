import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../config/load-config.ts'
import { CommandError } from '../terminal/exit-codes.ts'
import { type InitOptions, init } from './init.ts'

const FILE = '/opt/posthorn/dist/posthorn-hook.js'
let root = ''
let project = ''
let settings = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'posthorn-init-'))
  project = join(root, 'project')
  settings = join(project, '.claude/settings.json')
  mkdirSync(join(project, '.git'), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

interface Report {
  settings: string
  changed: boolean
  files: { path: string; action: string }[]
  diff: string
}

function run(options: Partial<InitOptions> = {}, file = FILE): Report {
  const homeDir = join(root, 'home')
  const config = loadConfig({ env: {}, cwd: project, homeDir, platform: 'linux' })
  const context = { env: {}, cwd: project, homeDir, file, settings: config }
  const results: unknown[] = []
  const output = { json: true, result: (value: unknown) => void results.push(value), line() {}, note() {} }
  expect(init({ scope: 'project', remove: false, dryRun: false, ...options }, context, output)).toBe(0)
  return results[0] as Report
}

const read = (path: string) => readFileSync(path, 'utf8')
const write = (text: string, path = settings) => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
}
const everyFile = () =>
  Object.fromEntries(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => [join(parentPath, name), read(join(parentPath, name))]),
  )

describe('init', () => {
  it('writes the hooks and has git ignore what they capture', () => {
    const report = run()
    expect(report).toMatchObject({ settings, changed: true })
    expect(JSON.parse(read(settings)).hooks.Stop[0].hooks[0]).toEqual({
      type: 'command',
      command: 'node',
      args: [FILE, 'capture'],
      timeout: 5,
    })
    expect(read(join(project, '.gitignore'))).toMatch(/^# posthorn-hook.*\n\.claude\/posthorn\/\n/)
    expect(report.diff).toMatch(/^\+ {4}"SessionStart": \[$/m)
  })

  it.each([
    ['project', '.claude/settings.json'],
    ['local', '.claude/settings.local.json'],
    ['user', '../home/.claude/settings.json'],
  ] as const)('knows the file of scope %s', (scope, path) => {
    run({ scope })
    expect(existsSync(join(project, path))).toBe(true)
    expect(existsSync(join(project, '.gitignore'))).toBe(scope !== 'user')
  })

  it('does nothing the second time', () => {
    run()
    const before = everyFile()
    expect(run()).toMatchObject({ changed: false, files: [], diff: '' })
    expect(everyFile()).toEqual(before)
  })

  it('writes nothing in a dry run, and shows the same', () => {
    write('{ "model": "opus" }\n')
    const before = everyFile()
    const dry = run({ dryRun: true })
    expect(everyFile()).toEqual(before)
    expect(dry.files.map(({ action }) => action)).toEqual(['kept as a copy', 'changed', 'created'])
    expect(run().diff).toBe(dry.diff)
  })

  it('keeps the file as it was in a copy, which a later change does not overwrite', () => {
    write('{ "model": "opus" }\n')
    run()
    run({}, '/elsewhere/posthorn-hook.js')
    expect(read(`${settings}.posthorn-backup`)).toBe('{ "model": "opus" }\n')
    expect(read(settings)).toContain('/elsewhere/posthorn-hook.js')
    expect(read(settings)).not.toContain(FILE)
  })

  it('follows a link and keeps the rights of the file', () => {
    const real = join(root, 'dotfiles.json')
    write('{}', real)
    chmodSync(real, 0o640)
    mkdirSync(join(project, '.claude'))
    symlinkSync(real, settings)
    run()
    expect(lstatSync(settings).isSymbolicLink()).toBe(true)
    expect(statSync(real).mode & 0o777).toBe(0o640)
    expect(JSON.parse(read(real))).toHaveProperty('hooks')
  })

  it.each(['{ "model": "opus", }', 'hello', '', '[]', '{ "hooks": { "Stop": "x" } }'])(
    'leaves a file alone that is no settings file: %j',
    (text) => {
      write(text)
      const before = everyFile()
      for (const remove of [false, true]) {
        expect(() => run({ remove })).toThrow(CommandError)
        expect(() => run({ remove })).toThrow(settings)
      }
      expect(everyFile()).toEqual(before)
    },
  )

  it('writes no .gitignore outside of a repository, and none where .claude is ignored already', () => {
    writeFileSync(join(project, '.gitignore'), 'dist\n.claude/\n')
    run()
    expect(read(join(project, '.gitignore'))).toBe('dist\n.claude/\n')
    rmSync(join(project, '.git'), { recursive: true })
    rmSync(join(project, '.gitignore'))
    run({ remove: true })
    run()
    expect(existsSync(join(project, '.gitignore'))).toBe(false)
  })
})

describe('init --remove', () => {
  it.each([
    ['{ "model":"opus","hooks" : {  } }', 'node_modules'],
    ['{}', 'node_modules\n'],
    ['\uFEFF{\r\n\t"a": [1,2]\r\n}\r\n', 'dist\r\n'],
    [
      '{\n  "hooks": {\n    "Stop": [{ "hooks": [{ "type": "command", "command": "x" }] }]\n  }\n}',
      undefined,
    ],
    [undefined, undefined],
  ])('gives back every byte: %j', (text, ignored) => {
    if (text !== undefined) write(text)
    if (ignored !== undefined) writeFileSync(join(project, '.gitignore'), ignored)
    const before = everyFile()
    run()
    run({}, '/elsewhere/posthorn-hook.js')
    expect(run({ remove: true }).changed).toBe(true)
    // What stood there without an end of line has one now.
    const after = everyFile()
    const ignoreFile = join(project, '.gitignore')
    if (ignored !== undefined) expect(after[ignoreFile]?.trimEnd()).toBe(ignored.trimEnd())
    expect({ ...after, [ignoreFile]: before[ignoreFile] }).toEqual({
      ...before,
      [ignoreFile]: before[ignoreFile],
    })
    expect(run({ remove: true })).toMatchObject({ changed: false })
  })

  it('keeps what was changed since', () => {
    write('{ "model": "opus" }')
    run()
    const edited = { ...JSON.parse(read(settings)), model: 'sonnet' }
    edited.hooks.Stop.push({ hooks: [{ type: 'command', command: 'mine' }] })
    write(JSON.stringify(edited))
    run({ remove: true })
    expect(JSON.parse(read(settings))).toEqual({
      model: 'sonnet',
      hooks: { Stop: [{ hooks: [{ type: 'command', command: 'mine' }] }] },
    })
    expect(read(`${settings}.posthorn-backup`)).toBe('{ "model": "opus" }')
  })

  it('leaves the .gitignore while the other settings file of the project has hooks', () => {
    run()
    run({ scope: 'local' })
    run({ remove: true })
    expect(read(join(project, '.gitignore'))).toContain('.claude/posthorn/')
    run({ scope: 'local', remove: true })
    expect(existsSync(join(project, '.gitignore'))).toBe(false)
  })
})
