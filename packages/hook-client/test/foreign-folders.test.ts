import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
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

describe.skipIf(process.platform === 'win32')('a repository with a link', () => {
  it.each(['', 'spool', 'spool/pending', 'spool/failed', 'spool/tmp', 'logs'])(
    'at .claude/posthorn/%s has nothing written there, and its events are sent',
    async (place) => {
      using sandbox = new Sandbox(built.file)
      await using server = await ScriptedServer.start()
      const target = join(sandbox.root, 'target')
      mkdirSync(target)
      const link = join(sandbox.project, '.claude/posthorn', place)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(target, link)
      await sandbox.run(['capture'], EVENT)
      expect(readdirSync(target)).toEqual([])
      expect(await sandbox.json(['queue', 'ls'])).toHaveLength(1)
      sandbox.env = { POSTHORN_HOOK_URL: server.url, POSTHORN_HOOK_API_KEY: 'phk_1_secret' }
      expect(await sandbox.run(['drain'])).toMatchObject({ code: 0 })
      expect(server.events).toHaveLength(1)
      expect(readdirSync(target)).toEqual([])
    },
  )

  it('in place of a log has no line written to its target', async () => {
    using sandbox = new Sandbox(built.file)
    const target = join(sandbox.home, '.bashrc')
    writeFileSync(target, 'mine\n')
    mkdirSync(sandbox.logDir, { recursive: true })
    symlinkSync(target, join(sandbox.logDir, 'webhook-queue.log'))
    await sandbox.run(['capture'], EVENT)
    expect(readFileSync(target, 'utf8')).toBe('mine\n')
  })
})
