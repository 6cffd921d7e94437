import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildCommand } from './support/built-command.ts'
import { type Ended, Sandbox } from './support/sandbox.ts'
import { ScriptedServer } from './support/scripted-server.ts'

const EVENT = { hook_event_name: 'UserPromptSubmit', session_id: 's-1', prompt: 'hello' }
const NOTHING: Ended = { code: 0, stdout: '', stderr: '' }

let built: Awaited<ReturnType<typeof buildCommand>>
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built[Symbol.dispose]())

const capture = (sandbox: Sandbox, input: string, args: readonly string[] = []) =>
  sandbox.run(['capture', ...args], input)
const pending = ({ spoolDir }: Sandbox) => names(join(spoolDir, 'pending'))
const names = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])

describe('the bundle', () => {
  it('is one file that begins with the line that starts it, and needs nothing but Node', () => {
    const text = readFileSync(built.file, 'utf8')
    expect(text.startsWith('#!/usr/bin/env node\n')).toBe(true)
    const required = [...text.matchAll(/require\(\\*["'`]([^"'`\\]+)/g)].map(([, name = '']) => name)
    expect(required.length).toBeGreaterThan(5)
    expect(required.filter((name) => !process.getBuiltinModule(name))).toEqual([])
    expect(text).not.toMatch(/\bimport\(/)
  })

  it('has a byte for each of its characters, which Node reads faster', () => {
    const bytes = readFileSync(built.file)
    expect(bytes.filter((byte) => byte > 0x7f)).toHaveLength(0)
  })

  it('loads of Node what it has loaded before, files and events, where capture has nothing to start', async () => {
    using sandbox = new Sandbox(built.file)
    const list = join(sandbox.root, 'list-modules.cjs')
    writeFileSync(
      list,
      `const before = new Set(process.moduleLoadList)
      process.on('exit', () => {
        const since = process.moduleLoadList.filter((name) => !before.has(name))
        require('node:fs').writeFileSync(${JSON.stringify(join(sandbox.root, 'modules'))}, since.join('\\n'))
      })`,
    )
    sandbox.env = { NODE_OPTIONS: `--require=${list}` }
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
    expect(readFileSync(join(sandbox.root, 'modules'), 'utf8')).not.toMatch(
      /NativeModule (net|tty|vm|crypto|child_process|stream|timers\/promises|internal\/streams)/,
    )
  })
})

describe('capture prints nothing and exits with 0', () => {
  it('on an event, which is then on disk', async () => {
    using sandbox = new Sandbox(built.file)
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
  })

  it.each([
    ['JSON that is none', '{"hook_event_name": "Stop"'],
    ['no text', ''],
    ['white space', ' \n '],
    ['a list', '[1,2]'],
    ['an event that nobody knows', '{"hook_event_name":"SomethingNew","x":{"y":[1]}}'],
    ['an event without a name', '{"session_id":"s"}'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x7b]).toString('latin1')],
    ['a very large event', JSON.stringify({ ...EVENT, prompt: 'x'.repeat(5_000_000) })],
  ])('on %s', async (_, input) => {
    using sandbox = new Sandbox(built.file)
    expect(await capture(sandbox, input)).toEqual(NOTHING)
  })

  it.each([
    [['--no-such-option']],
    [['--wait']],
    [['--wait', 'soon']],
    [['--wait=-5', 'more', 'arguments']],
    [['--help']],
    [['--json']],
  ])('with the arguments %j', async (args) => {
    using sandbox = new Sandbox(built.file)
    expect(await capture(sandbox, JSON.stringify(EVENT), args)).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
  })

  it('when standard input is closed from the start', async () => {
    using sandbox = new Sandbox(built.file)
    const child = spawn('sh', ['-c', `exec "${process.execPath}" "${built.file}" capture <&-`], {
      cwd: sandbox.project,
      env: { PATH: process.env['PATH'] ?? '', HOME: sandbox.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(await endOf(child)).toEqual(NOTHING)
  })

  it('when standard input is never closed, with a whole event and without one', async () => {
    using sandbox = new Sandbox(built.file)
    const whole = sandbox.start(['capture'])
    whole.process.stdin?.write(JSON.stringify(EVENT))
    const none = sandbox.start(['capture'])
    const large = sandbox.start(['capture'])
    large.process.stdin?.write(JSON.stringify({ ...EVENT, prompt: 'x'.repeat(300_000) }))
    const part = sandbox.start(['capture'])
    part.process.stdin?.write(JSON.stringify(EVENT).slice(0, -1))
    expect(await Promise.all([whole.ended, none.ended, large.ended, part.ended])).toEqual(
      Array.from({ length: 4 }, () => NOTHING),
    )
    expect(pending(sandbox)).toHaveLength(3)
    const log = readFileSync(join(sandbox.logDir, 'webhook-error.log'), 'utf8')
    expect(log.match(/stdin did not come to its end/g)).toHaveLength(2)
  })

  it('where Node may not become another program nor sync files, and standard input is never closed', async () => {
    using sandbox = new Sandbox(built.file)
    sandbox.env = { NODE_OPTIONS: '--permission --allow-fs-read=* --allow-fs-write=*' }
    const part = sandbox.start(['capture'])
    part.process.stdin?.write(JSON.stringify(EVENT).slice(0, -1))
    expect(await part.ended).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
  })

  it.each([
    ['is closed', 'printf %s "$EVENT"', 1],
    ['comes in pieces', 'printf %s "$EVENT" | { head -c 30; cat; }', 1],
    ['is never closed', 'printf %s "$EVENT"; cat', 1],
    ['is never closed and has nothing in it', 'cat', 0],
  ])('when standard input is a pipe that %s', async (_, write, events) => {
    using sandbox = new Sandbox(built.file)
    const run = `"${process.execPath}" "${built.file}" capture; echo "ended $?"`
    const child = spawn('sh', ['-c', `{ ${write}; } | { ${run}; }`], {
      cwd: sandbox.project,
      env: { PATH: process.env['PATH'] ?? '', HOME: sandbox.home, EVENT: JSON.stringify(EVENT) },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const ended = endOf(child)
    // What `cat` copies from, and so the pipe behind it, is open until capture has ended.
    child.stdout.once('data', () => child.stdin.end())
    expect(await ended).toEqual({ ...NOTHING, stdout: 'ended 0\n' })
    expect(pending(sandbox)).toHaveLength(events)
  })

  it('when standard input is a file', async () => {
    using sandbox = new Sandbox(built.file)
    const file = join(sandbox.root, 'event.json')
    writeFileSync(file, JSON.stringify(EVENT))
    const input = openSync(file, 'r')
    const child = spawn(process.execPath, [built.file, 'capture'], {
      cwd: sandbox.project,
      env: { HOME: sandbox.home },
      stdio: [input, 'pipe', 'pipe'],
    })
    closeSync(input)
    expect(await endOf(child)).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
  })

  it('when nothing can be written: the event is in the place that stands in', async () => {
    using sandbox = new Sandbox(built.file)
    // A file where the folder should be stops every user, root among them.
    writeFileSync(join(sandbox.project, '.claude/posthorn'), '')
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    expect(await sandbox.json(['queue', 'ls'])).toHaveLength(1)
  })

  it('when no place on disk can be written', async () => {
    using sandbox = new Sandbox(built.file)
    writeFileSync(join(sandbox.project, '.claude/posthorn'), '')
    writeFileSync(join(sandbox.home, '.local'), '')
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
  })

  it('when the folders belong to nobody who may write', async () => {
    using sandbox = new Sandbox(built.file)
    chmodSync(join(sandbox.project, '.claude'), 0o500)
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    chmodSync(join(sandbox.project, '.claude'), 0o700)
  })

  it.each([
    ['is no JSON', '{ "url": '],
    ['has fields that are wrong', '{ "url": 5, "apiKey": [], "nothing": true, "maxEvents": -1 }'],
  ])('when the configuration file %s, and captures all the same', async (_, text) => {
    using sandbox = new Sandbox(built.file)
    mkdirSync(join(sandbox.home, '.config/posthorn'), { recursive: true })
    writeFileSync(join(sandbox.home, '.config/posthorn/hook.json'), text)
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
  })

  it('when variables are wrong, when the project is gone, and when Node itself would warn', async () => {
    using sandbox = new Sandbox(built.file)
    sandbox.env = {
      POSTHORN_HOOK_URL: 'ftp://x',
      POSTHORN_HOOK_TIMEOUT: 'soon',
      POSTHORN_HOOK_TYPO: '1',
      CLAUDE_PROJECT_DIR: join(sandbox.root, 'gone'),
      NODE_OPTIONS: '--pending-deprecation --throw-deprecation',
    }
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
  })

  it('on a Node that is too old, where every other command says so', async () => {
    using sandbox = new Sandbox(built.file)
    const old = join(sandbox.root, 'old-node.cjs')
    writeFileSync(
      old,
      `Object.defineProperty(process.versions, 'node', { value: '16.20.2' })
      for (const [holder, name] of [[process, 'getBuiltinModule'], [process, 'execve'], [JSON, 'rawJSON'],
        [Promise, 'withResolvers'], [Object, 'groupBy'], [Array.prototype, 'findLast'], [Array.prototype, 'toSorted']])
        delete holder[name]`,
    )
    sandbox.env = { NODE_OPTIONS: `--require=${old}` }
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    expect(await sandbox.run(['status'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('needs Node 22.19 or later; this is 16.20.2'),
    })
  })
})

describe('what init writes', () => {
  it('captures, when it is started as Claude Code starts it', async () => {
    using sandbox = new Sandbox(built.file)
    expect((await sandbox.run(['init'])).code).toBe(0)
    const { hooks } = JSON.parse(readFileSync(join(sandbox.project, '.claude/settings.json'), 'utf8'))
    const { command, args } = hooks.UserPromptSubmit[0].hooks[0] as { command: string; args: string[] }
    expect([command, args]).toEqual(['node', [built.file, 'capture']])
    const child = spawn(process.execPath, args, { cwd: sandbox.project, env: { HOME: sandbox.home } })
    child.stdin.end(JSON.stringify(EVENT))
    expect(await endOf(child)).toEqual(NOTHING)
    expect(pending(sandbox)).toHaveLength(1)
    expect((await sandbox.run(['init', '--remove'])).code).toBe(0)
    expect(existsSync(join(sandbox.project, '.claude/settings.json'))).toBe(false)
  })
})

describe('the detached sender', () => {
  it('delivers after capture has ended, and holds none of its pipes open', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    sandbox.env = { POSTHORN_HOOK_URL: server.url, POSTHORN_HOOK_API_KEY: 'phk_1_secret' }
    const { answer } = server
    server.answer = () => undefined
    // `close` comes when the process has ended and its pipes are closed: a child that inherited one would hold it back.
    expect(await capture(sandbox, JSON.stringify(EVENT))).toEqual(NOTHING)
    await expect.poll(() => server.events.length, { timeout: 20_000 }).toBeGreaterThan(0)
    server.answer = answer
    await expect
      .poll(() => pending(sandbox).length + names(join(sandbox.spoolDir, 'processing')).length, {
        timeout: 30_000,
      })
      .toBe(0)
    expect(JSON.parse(server.events.at(-1)?.body ?? '')).toEqual(EVENT)
    expect(server.events.at(-1)?.headers['authorization']).toBe('Bearer phk_1_secret')
    const log = join(sandbox.logDir, 'webhook-success.log')
    await expect.poll(() => existsSync(log), { timeout: 30_000 }).toBe(true)
    const [requestId] = server.events.map(({ headers }) => headers['x-request-id'])
    const [entry] = await sandbox.json<{ requestId: string; traceId: string; spanId: string }>([
      'logs',
      '--file',
      'success',
    ])
    expect(entry).toMatchObject({
      requestId,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    expect(readFileSync(log, 'utf8')).not.toMatch(/phk_1|hello/)
  })

  it('is not needed with --wait: the event has arrived when capture ends', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    sandbox.env = {
      POSTHORN_HOOK_URL: server.url,
      POSTHORN_HOOK_API_KEY: 'phk_1_secret',
      POSTHORN_HOOK_TIMEOUT: '50000',
    }
    expect(await capture(sandbox, JSON.stringify(EVENT), ['--wait', '50000'])).toEqual(NOTHING)
    expect(server.events).toHaveLength(1)
    expect(pending(sandbox)).toEqual([])
  })
})

function endOf(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}
