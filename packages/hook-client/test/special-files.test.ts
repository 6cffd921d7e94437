import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { uuidv7 } from '@posthorn/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildCommand } from './support/built-command.ts'
import { Sandbox } from './support/sandbox.ts'
import { ScriptedServer } from './support/scripted-server.ts'

let built: Awaited<ReturnType<typeof buildCommand>>
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built[Symbol.dispose]())

const EVENT = JSON.stringify({ hook_event_name: 'Stop', session_id: 's-1' })

/** What lies in the place of a file: reading a pipe waits, and a device has no end. */
const LIES_THERE = {
  pipe: (path: string) => execFileSync('mkfifo', [path]),
  'link to a device': (path: string) => symlinkSync('/dev/zero', path),
  'link to nothing': (path: string) => symlinkSync('nowhere', path),
  folder: (path: string) => mkdirSync(path),
} as const
const kinds = Object.keys(LIES_THERE) as (keyof typeof LIES_THERE)[]

function put(kind: keyof typeof LIES_THERE, ...path: string[]): string {
  const file = join(...path)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  LIES_THERE[kind](file)
  return file
}

const waiting = (sandbox: Sandbox) => readdirSync(join(sandbox.spoolDir, 'pending'))

describe.skipIf(process.platform === 'win32').each(kinds)('a %s', (kind) => {
  it('for the settings keeps no event from being captured', async () => {
    using sandbox = new Sandbox(built.file)
    put(kind, sandbox.home, '.config/posthorn/hook.json')
    expect(await sandbox.run(['capture'], EVENT)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(waiting(sandbox)).toHaveLength(1)
  })

  it('for settings and a key that variables name keeps no event from being captured', async () => {
    using sandbox = new Sandbox(built.file)
    sandbox.env = {
      POSTHORN_HOOK_CONFIG: put(kind, sandbox.root, 'mine.json'),
      POSTHORN_HOOK_API_KEY_FILE: put(kind, sandbox.root, 'key'),
    }
    await sandbox.run(['capture'], EVENT)
    expect(waiting(sandbox)).toHaveLength(1)
    const log = readFileSync(join(sandbox.logDir, 'webhook-error.log'), 'utf8')
    expect(log).toContain('cannot be read')
  })

  it('for state, lock and events is put aside, and what waits is sent', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    await sandbox.run(['capture'], EVENT)
    put(kind, sandbox.spoolDir, 'state.json')
    put(kind, sandbox.spoolDir, 'sender.lock')
    const notAnEvent = `${uuidv7()}.json`
    put(kind, sandbox.spoolDir, 'pending', notAnEvent)
    await sandbox.run(['capture'], EVENT)
    sandbox.env = { POSTHORN_HOOK_URL: server.url, POSTHORN_HOOK_API_KEY: 'phk_1_secret' }
    await sandbox.run(['drain'])
    expect(server.events).toHaveLength(2)
    expect(waiting(sandbox)).toEqual([])
    expect(readdirSync(join(sandbox.spoolDir, 'failed'))).toContain(notAnEvent)
    expect(existsSync(join(sandbox.spoolDir, 'sender.lock'))).toBe(false)
  })

  it('for a log costs the log and no event', async () => {
    using sandbox = new Sandbox(built.file)
    put(kind, sandbox.logDir, 'webhook-queue.log')
    expect(await sandbox.run(['capture'], EVENT)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(waiting(sandbox)).toHaveLength(1)
    expect(existsSync(join(sandbox.logDir, 'nowhere'))).toBe(false)
    expect(await sandbox.run(['logs'])).toMatchObject({ code: 0 })
  })
})
