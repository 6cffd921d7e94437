import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildCommand } from './support/built-command.ts'
import { Sandbox } from './support/sandbox.ts'
import { ScriptedServer } from './support/scripted-server.ts'

let built: Awaited<ReturnType<typeof buildCommand>>
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built[Symbol.dispose]())

/** Events in the spool, put there by `capture` while no server is configured. */
async function captured(sandbox: Sandbox, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    const input = JSON.stringify({
      hook_event_name: 'UserPromptSubmit',
      session_id: 's-1',
      prompt: `prompt ${i}`,
    })
    expect(await sandbox.run(['capture'], input)).toEqual({ code: 0, stdout: '', stderr: '' })
  }
}

const configured = (sandbox: Sandbox, url: string, more: Record<string, string> = {}) => {
  sandbox.env = {
    POSTHORN_HOOK_URL: url,
    POSTHORN_HOOK_API_KEY: 'phk_1_secret',
    POSTHORN_HOOK_RETRY_DELAY: '1',
    ...more,
  }
}

describe('drain', () => {
  it('sends what waits, in order, and says so', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    await captured(sandbox, 3)
    configured(sandbox, server.url)
    const { code, stdout } = await sandbox.run(['drain'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '3 events sent, 0 failed, 0 left.\n' })
    expect(server.events.map(({ body }) => JSON.parse(body).prompt)).toEqual([
      'prompt 0',
      'prompt 1',
      'prompt 2',
    ])
    expect(await sandbox.json(['drain'])).toEqual([expect.objectContaining({ end: 'empty', sent: 0 })])
  })

  it('exits with 64 where no server is configured, with 69 where none is reached, and keeps everything', async () => {
    using sandbox = new Sandbox(built.file)
    await captured(sandbox, 1)
    expect(await sandbox.run(['drain'])).toMatchObject({
      code: 64,
      stdout: expect.stringContaining('doctor'),
    })
    const server = await ScriptedServer.start()
    configured(sandbox, server.url)
    await server.stop()
    expect((await sandbox.run(['drain'])).code).toBe(69)
    expect(await sandbox.json(['queue', 'ls'])).toHaveLength(1)
  })

  it('is not stopped by a pause, and ends it', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    await captured(sandbox, 2)
    configured(sandbox, server.url)
    const { answer } = server
    server.answer = () => ({ status: 401, body: { code: 'unauthorized', title: 'Unknown key' } })
    const refused = await sandbox.run(['drain'])
    expect(refused).toMatchObject({ code: 69, stdout: expect.stringContaining('unauthorized') })
    expect((await sandbox.run(['status'])).stdout).toMatch(
      /Paused +since .*the server does not know this key/,
    )
    const failed = await sandbox.run(['doctor'])
    expect(failed.code).toBe(1)
    expect(failed.stdout).toMatch(/FAIL {2}queue +sending is paused/)
    expect(failed.stdout).toMatch(/FAIL {2}key/)
    server.answer = answer
    expect((await sandbox.run(['drain'])).code).toBe(0)
    expect((await sandbox.run(['status'])).stdout).not.toContain('Paused')
    expect(
      server.events.filter(({ headers }) => headers['x-retry-attempt'] !== undefined).length,
    ).toBeGreaterThan(2)
  })

  it('exits with 1 when the server will never take an event', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    await captured(sandbox, 1)
    configured(sandbox, server.url)
    server.answer = () => ({
      status: 422,
      body: { code: 'validation_failed', title: 'No', detail: 'prompt is odd' },
    })
    const { code, stderr } = await sandbox.run(['drain'])
    expect(code).toBe(1)
    expect(stderr).toContain('rejected')
    const [entry] = await sandbox.json<{ failure: { problem: { detail: string } } }>(['queue', 'ls'])
    expect(entry?.failure.problem.detail).toBe('prompt is odd')
  })
})

describe('drain --watch', () => {
  it('sends what comes until it is told to stop', async () => {
    using sandbox = new Sandbox(built.file)
    await using server = await ScriptedServer.start()
    configured(sandbox, server.url)
    const watching = sandbox.start(['drain', '--watch'])
    // Captured without a server, so that nobody else sends.
    sandbox.env = {}
    await captured(sandbox, 2)
    await expect.poll(() => watching.stdout.match(/ sent /g)?.length, { timeout: 20_000 }).toBe(2)
    watching.process.kill('SIGTERM')
    expect(await watching.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('2 events sent') })
  })
})
