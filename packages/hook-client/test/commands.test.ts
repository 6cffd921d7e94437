import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildCommand } from './support/built-command.ts'
import { Sandbox } from './support/sandbox.ts'
import { ScriptedServer } from './support/scripted-server.ts'

let built: Awaited<ReturnType<typeof buildCommand>>
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built[Symbol.dispose]())

interface Entry {
  readonly requestId: string
  readonly folder: string
  readonly event: { readonly event: string }
}

/** Captures events while no server is configured, so that they wait. */
async function captured(sandbox: Sandbox, ...prompts: string[]): Promise<Entry[]> {
  for (const prompt of prompts) {
    const event = { hook_event_name: 'UserPromptSubmit', session_id: 's-1', prompt }
    await sandbox.run(['capture'], JSON.stringify(event))
  }
  return sandbox.json<Entry>(['queue', 'ls'])
}

function configure(sandbox: Sandbox, url: string): void {
  sandbox.env = {
    POSTHORN_HOOK_URL: url,
    POSTHORN_HOOK_API_KEY: 'phk_1_secret',
    POSTHORN_HOOK_RETRY_DELAY: '1',
    POSTHORN_HOOK_TIMEOUT: '30000',
  }
}

describe('the command line', () => {
  it('describes itself and each command', async () => {
    using sandbox = new Sandbox(built.file)
    const { code, stdout } = await sandbox.run(['--help'])
    expect(code).toBe(0)
    const names = ['init', 'doctor', 'status', 'queue', 'drain', 'test', 'logs', 'capture']
    for (const name of names) expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
    expect((await sandbox.run(['queue', 'purge', '--help'])).stdout).toContain('--older-than <time>')
  })

  it.each([
    [['nonsense']],
    [['status', '--nonsense']],
    [['queue', 'ls', '--folder', 'nowhere']],
    [['queue', 'ls', '--limit', '0']],
    [['queue', 'retry']],
    [['queue', 'purge']],
    [['queue', 'purge', '--folder', 'failed', '--older-than', 'long']],
    [['logs', '--since', 'yesterday']],
    [['init', '--scope', 'nobody']],
  ])('exits with 64 on %j, and says what is wrong', async (args) => {
    using sandbox = new Sandbox(built.file)
    const { code, stdout, stderr } = await sandbox.run(args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toMatch(/error/)
    if (args[0] === 'logs') expect(stderr).toContain('posthorn-hook logs --help')
    if (args[3] === '0') expect(stderr).toContain('posthorn-hook queue ls --help')
  })

  it('writes no colours where there is no terminal', async () => {
    using sandbox = new Sandbox(built.file)
    for (const args of [['status'], ['doctor'], ['init', '--dry-run']]) {
      const { stdout, stderr } = await sandbox.run(args)
      expect(stdout + stderr).not.toContain('\u001B')
    }
  })
})

describe('queue', () => {
  it('says all of it to a reader that takes its time', async () => {
    using sandbox = new Sandbox(built.file)
    const prompt = 'x'.repeat(900_000)
    const [entry] = await captured(sandbox, prompt)
    const show = sandbox.start(['queue', 'show', entry?.requestId ?? '', '--json'])
    show.process.stdout?.pause()
    await expect.poll(() => show.process.stdout?.readableLength, { timeout: 20_000 }).toBeGreaterThan(0)
    show.process.stdout?.resume()
    expect((await show.ended).code).toBe(0)
    expect(show.stdout).toContain(prompt)
    expect(() => JSON.parse(show.stdout)).not.toThrow()
  })

  it('lists events in order and shows one, by the beginning of its id', async () => {
    using sandbox = new Sandbox(built.file)
    const entries = await captured(sandbox, 'one', 'two')
    expect(entries.map(({ folder, event }) => [folder, event.event])).toEqual([
      ['pending', 'UserPromptSubmit'],
      ['pending', 'UserPromptSubmit'],
    ])
    const second = entries[1]?.requestId ?? ''
    const { stdout } = await sandbox.run(['queue', 'ls'])
    expect(stdout).toMatch(new RegExp(`pending +${second} +UserPromptSubmit +s-1 `))
    const [shown] = await sandbox.json<{ body: { prompt: string } }>(['queue', 'show', second])
    expect(shown?.body.prompt).toBe('two')
    expect((await sandbox.run(['queue', 'show', second])).stdout).toContain('"prompt": "two"')
    expect((await sandbox.run(['queue', 'show', second.slice(0, 2)])).stderr).toContain('2 events begin with')
    expect(await sandbox.run(['queue', 'show', 'ffff'])).toMatchObject({
      ...{ code: 1, stdout: '' },
      stderr: expect.stringContaining('logs --request-id ffff'),
    })
  })

  it('says how many more there are than it shows', async () => {
    using sandbox = new Sandbox(built.file)
    await captured(sandbox, 'one', 'two')
    const { stdout, stderr } = await sandbox.run(['queue', 'ls', '--limit', '1'])
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(stderr).toBe('1 more: --limit 2 shows them all.\n')
  })

  it('lets a failed event wait again, which then arrives', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    const [entry] = await captured(sandbox, 'one')
    configure(sandbox, server.url)
    const { answer } = server
    server.answer = () => ({
      status: 422,
      body: { code: 'invalid', title: 'No', errors: [{ path: 'prompt', message: 'is odd' }] },
    })
    await sandbox.run(['drain'])
    const { stdout } = await sandbox.run(['queue', 'ls', '--folder', 'failed'])
    expect(stdout).toContain('rejected: No: prompt: is odd')
    server.answer = answer
    expect(await sandbox.json(['queue', 'retry', '--all'])).toEqual([{ retried: [entry?.requestId] }])
    expect((await sandbox.run(['drain'])).code).toBe(0)
    expect(server.events.map(({ headers }) => headers['x-request-id'])).toEqual([
      entry?.requestId,
      entry?.requestId,
    ])
  })

  it('says how many events there are that no retry can send', async () => {
    using sandbox = new Sandbox(built.file)
    await sandbox.run(['capture'], 'no event at all')
    const { code, stdout, stderr } = await sandbox.run(['queue', 'retry', '--all'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'There is nothing to try again.\n' })
    expect(stderr).toContain('1 cannot be sent: corrupt or unreadable')
    expect((await sandbox.run(['status'])).stdout).toMatch(/Failed +1/)
  })

  it('deletes what it is told to, and nothing else', async () => {
    using sandbox = new Sandbox(built.file)
    const [first, second] = await captured(sandbox, 'one', 'two')
    const purge = (...args: string[]) => sandbox.json<{ purged: string[] }>(['queue', 'purge', ...args])
    expect(await purge('--folder', 'failed')).toEqual([{ purged: [] }])
    expect(await purge('--folder', 'all', '--older-than', '1d')).toEqual([{ purged: [] }])
    expect(await purge(first?.requestId ?? '')).toEqual([{ purged: [first?.requestId] }])
    expect((await sandbox.json<Entry>(['queue', 'ls'])).map(({ requestId }) => requestId)).toEqual([
      second?.requestId,
    ])
  })

  it('takes a file that is no event for none', async () => {
    using sandbox = new Sandbox(built.file)
    await captured(sandbox, 'one')
    writeFileSync(join(sandbox.spoolDir, 'pending', 'notes.txt'), 'mine', { mode: 0o600 })
    expect(await sandbox.json<Entry>(['queue', 'ls'])).toHaveLength(1)
    expect((await sandbox.run(['status'])).stdout).toMatch(/Waiting +1 event,/)
    expect((await sandbox.run(['queue', 'fsck'])).stdout).toMatch(
      /^stray-file .*notes.txt +a file that is no event$/m,
    )
  })

  it('finds what is wrong with a spool, and mends it without losing anything', async () => {
    using sandbox = new Sandbox(built.file)
    const [entry] = await captured(sandbox, 'one')
    expect(await sandbox.run(['queue', 'fsck'])).toMatchObject({
      code: 0,
      stdout: 'The spool is in order.\n',
    })
    const torn = join(sandbox.spoolDir, 'pending', '0198d0c0-0000-7000-8000-000000000000.json')
    writeFileSync(torn, '{"version":1,"requ', { mode: 0o644 })
    const { code, stdout } = await sandbox.run(['queue', 'fsck'])
    expect({ code, lines: stdout.trim().split('\n') }).toEqual({
      code: 1,
      lines: [expect.stringMatching(/^wrong-mode, corrupt-event .*others may use it/)],
    })
    expect((await sandbox.run(['queue', 'fsck', '--repair'])).code).toBe(0)
    expect((await sandbox.run(['queue', 'fsck'])).code).toBe(0)
    const folders = (await sandbox.json<Entry>(['queue', 'ls'])).map(({ folder }) => folder)
    expect(folders.sort()).toEqual(['failed', 'pending'])
    expect(existsSync(join(sandbox.spoolDir, 'pending', `${entry?.requestId}.json`))).toBe(true)
  })
})

describe('status', () => {
  it('shows what waits and what is not set', async () => {
    using sandbox = new Sandbox(built.file)
    expect((await sandbox.run(['status'])).stdout).toMatch(/Spool +.*made with the first event/)
    await captured(sandbox, 'one')
    const { code, stdout, stderr } = await sandbox.run(['status'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Waiting +1 event, the oldest for /)
    expect(stdout).toMatch(/Server +not set/)
    expect(stderr).toContain('2 mistakes in the settings')
    const [report] = await sandbox.json<{ spools: { pending: number }[] }>(['status'])
    expect(report?.spools).toMatchObject([{ pending: 1, failed: 0 }])
  })

  it('says of an error that is over that it is', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    await captured(sandbox, 'one')
    configure(sandbox, server.url)
    const { answer } = server
    server.answer = () => ({ status: 401, body: { code: 'unauthorized', title: 'No' } })
    expect((await sandbox.run(['drain'])).code).toBe(69)
    expect((await sandbox.run(['status'])).stdout).toMatch(/Last error .*unauthorized: No$/m)
    server.answer = answer
    expect((await sandbox.run(['drain'])).code).toBe(0)
    expect((await sandbox.run(['status'])).stdout).toMatch(/Last error .*unauthorized: No \(sent since\)$/m)
  })

  it('shows no credential, in text or as JSON', async () => {
    using sandbox = new Sandbox(built.file)
    configure(sandbox, 'http://localhost:1/hooks?token=hush')
    for (const args of [['status'], ['status', '--json'], ['doctor'], ['doctor', '--json']]) {
      const { stdout, stderr } = await sandbox.run(args)
      expect(stdout + stderr).not.toMatch(/phk_1_secret|hush/)
    }
  })
})

describe('test', () => {
  it('sends one event and prints each step', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    configure(sandbox, server.url)
    const { code, stdout } = await sandbox.run(['test'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok {4}settings .*\nok {4}spooled .*is on disk in .*\nok {4}sent .*answered 200/)
    expect(server.events.map(({ body }) => JSON.parse(body).hook_event_name)).toEqual(['PosthornHookTest'])
    const [report] = await sandbox.json<{ ok: boolean; requestId: string }>(['test'])
    expect(report).toMatchObject({ ok: true, requestId: server.events[1]?.headers['x-request-id'] })
  })

  it('says which step failed, and why, in its exit code too', async () => {
    using sandbox = new Sandbox(built.file)
    expect(await sandbox.run(['test'])).toMatchObject({
      code: 64,
      stdout: expect.stringMatching(/^FAIL {2}settings .*POSTHORN_HOOK_URL/),
    })
    const server = await ScriptedServer.start()
    configure(sandbox, server.url)
    server.answer = () => ({ status: 403, body: { code: 'forbidden', title: 'No' } })
    expect(await sandbox.run(['test'])).toMatchObject({
      code: 69,
      stdout: expect.stringMatching(/FAIL {2}sent .*the key may not send events \(403\): forbidden/),
    })
    await server.stop()
    expect(await sandbox.run(['test'])).toMatchObject({
      code: 69,
      stdout: expect.stringMatching(/FAIL {2}sent .*ECONNREFUSED/),
    })
  })

  it('tells why the sender that is at work could not send it', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    configure(sandbox, server.url)
    const { answer } = server
    server.answer = (request) => {
      const isOurs = request.body.includes('PosthornHookTest')
      if (isOurs) return { status: 401, body: { code: 'unauthorized', title: 'No' } }
      return request.body.includes('held') ? undefined : answer(request)
    }
    await captured(sandbox, 'held')
    const other = sandbox.start(['drain', '--watch'])
    await expect.poll(() => server.events.length, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(await sandbox.run(['test'])).toMatchObject({
      code: 69,
      stdout: expect.stringMatching(/FAIL {2}sent .*does not know this key \(401\): unauthorized/),
    })
    other.process.kill('SIGKILL')
  })

  it('is not content with what an older sender could send, with the settings of its start', async () => {
    using sandbox = new Sandbox(built.file)
    await using older = await ScriptedServer.start()
    const server = await ScriptedServer.start()
    const { url } = server
    await server.stop()
    configure(sandbox, older.url)
    const { answer } = older
    older.answer = (request) => (request.body.includes('held') ? undefined : answer(request))
    await captured(sandbox, 'held')
    const other = sandbox.start(['drain', '--watch'])
    await expect.poll(() => older.events.length, { timeout: 20_000 }).toBeGreaterThan(0)
    configure(sandbox, url)
    expect(await sandbox.run(['test'])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /FAIL {2}sent .*an older sender has sent it.*cannot be reached: ECONNREFUSED/,
      ),
    })
    other.process.kill('SIGKILL')
  })

  it('sends also what the settings leave out', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    configure(sandbox, server.url)
    sandbox.env['POSTHORN_HOOK_EXCLUDE'] = '*'
    expect((await sandbox.run(['test'])).code).toBe(0)
  })
})

describe('init', () => {
  it('warns where hooks would start a node that is too old', async () => {
    using sandbox = new Sandbox(built.file)
    const bin = join(sandbox.root, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'node'), '#!/bin/sh\necho v20.0.0\n', { mode: 0o755 })
    sandbox.env['PATH'] = `${bin}:/usr/bin:/bin`
    const { code, stderr } = await sandbox.run(['init'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/warning: Nothing is captured yet.*needs Node .* this is 20\.0\.0/)
    delete sandbox.env['PATH']
    expect((await sandbox.run(['init'])).stderr).not.toContain('warning')
  })

  it('removes from the scope that it is told, and names the one where the hooks are', async () => {
    using sandbox = new Sandbox(built.file)
    await sandbox.run(['init', '--scope', 'local'])
    const { stdout, stderr } = await sandbox.run(['init', '--remove'])
    expect(stdout).toContain('There are no hooks of posthorn-hook')
    expect(stderr).toContain('posthorn-hook init --scope local --remove')
  })

  it('makes no project where none is', async () => {
    using sandbox = new Sandbox(built.file)
    const missing = join(sandbox.root, 'mistyped')
    const { code, stderr } = await sandbox.run(['init', '--project-dir', missing])
    expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining(missing) })
    expect(existsSync(missing)).toBe(false)
  })
})

describe('doctor', () => {
  it('finds a key that others may read', async () => {
    using sandbox = new Sandbox(built.file)
    const file = join(sandbox.home, '.config/posthorn/hook.json')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, '{ "apiKey": "phk_1_secret" }', { mode: 0o644 })
    expect((await sandbox.run(['doctor'])).stdout).toContain(`Run: chmod 600 ${file}`)
    chmodSync(file, 0o600)
    expect((await sandbox.run(['doctor'])).stdout).not.toContain('chmod 600')
  })

  it('is content where everything is', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    configure(sandbox, server.url)
    const file = join(sandbox.root, 'posthorn-hook.cjs')
    writeFileSync(file, '')
    const { addHooks } = await import('../src/claude-settings/edit-hooks.ts')
    writeFileSync(join(sandbox.project, '.claude/settings.json'), addHooks('{}', file))
    const [report] = await sandbox.json<{
      ok: boolean
      checks: { name: string; state: string; message: string }[]
    }>(['doctor'])
    expect(report?.checks.filter(({ state }) => state === 'fail')).toEqual([])
    expect(report?.ok).toBe(true)
    for (const name of ['node', 'settings', 'hooks', 'spool', 'logs', 'queue', 'server', 'key', 'clock']) {
      expect(report?.checks.map((check) => check.name)).toContain(name)
    }
    expect(server.events).toEqual([])
  })

  it('exits with 1 and says what to do where something is wrong', async () => {
    using sandbox = new Sandbox(built.file)
    mkdirSync(join(sandbox.home, '.config/posthorn'), { recursive: true })
    writeFileSync(join(sandbox.home, '.config/posthorn/hook.json'), '{ "timeoutMs": "soon" }')
    const { code, stdout } = await sandbox.run(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/FAIL {2}settings +timeoutMs /)
    expect(stdout).toMatch(/FAIL {2}settings +POSTHORN_HOOK_URL is missing/)
    expect(stdout).toMatch(/FAIL {2}hooks +no hook captures here\n +Run: posthorn-hook init/)
  })

  it('looks on where the spool cannot be read', async () => {
    using sandbox = new Sandbox(built.file)
    writeFileSync(join(sandbox.project, '.claude/posthorn'), '')
    const { code, stdout } = await sandbox.run(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/FAIL {2}spool +.*cannot be written/)
  })
})

describe('logs', () => {
  it('finds the entries of an event, with its trace, and none of what it holds', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    const entries = await captured(sandbox, 'private words', 'more of them')
    configure(sandbox, server.url)
    await sandbox.run(['drain'])
    const id = entries[0]?.requestId ?? ''
    const records = await sandbox.json<{ requestId: string; file: string }>(['logs', '--request-id', id])
    expect(new Set(records.map(({ requestId }) => requestId))).toEqual(new Set([id]))
    expect(records.map(({ file }) => file)).toEqual(expect.arrayContaining(['queue', 'success']))
    const { stdout } = await sandbox.run(['logs', '--text', id.slice(-8), '--level', 'info', '--since', '1h'])
    expect(stdout.trim().split('\n')).toHaveLength(records.length)
    for (const name of readdirSync(sandbox.logDir)) {
      expect(readFileSync(join(sandbox.logDir, name), 'utf8')).not.toMatch(/private|more of|phk_1/)
    }
    expect(await sandbox.run(['logs', '--until', '2020-01-01'])).toMatchObject({ code: 0, stdout: '' })
  })

  it('follows until it is stopped', async () => {
    using sandbox = new Sandbox(built.file)
    await captured(sandbox, 'one')
    const following = sandbox.start(['logs', '--follow', '--json'])
    await expect.poll(() => following.stdout, { timeout: 20_000 }).toContain('spooled')
    const [, second] = await captured(sandbox, 'two')
    await expect.poll(() => following.stdout, { timeout: 20_000 }).toContain(second?.requestId)
    following.process.kill('SIGINT')
    expect((await following.ended).code).toBe(0)
  })
})
