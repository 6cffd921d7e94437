import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { encodeEvent } from '../src/spool/event-file.ts'
import { openSpool } from '../src/spool/layout.ts'
import type { SpooledEvent } from '../src/spool/types.ts'
import { buildCommand } from './support/built-command.ts'
import { eventMaker } from './support/events.ts'
import { FakeClock } from './support/fake-clock.ts'
import { Sandbox } from './support/sandbox.ts'
import { ScriptedServer } from './support/scripted-server.ts'

let built: Awaited<ReturnType<typeof buildCommand>>
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built[Symbol.dispose]())

const EVENT = JSON.stringify({ hook_event_name: 'Stop', session_id: 's-1' })
const newEvent = eventMaker(new FakeClock(Date.now()))

/** A file as somebody else's hook wrote it: whole, with a checksum and a seal of theirs. */
function foreignFile(sandbox: Sandbox, folder: string, name: (event: SpooledEvent) => string): SpooledEvent {
  const event = newEvent('s-1', { hook_event_name: 'Stop', prompt: 'not mine' })
  const theirs = openSpool('/', { sealDirs: [join(sandbox.root, 'their-seal')] })
  mkdirSync(join(sandbox.spoolDir, folder), { recursive: true, mode: 0o700 })
  writeFileSync(join(sandbox.spoolDir, folder, name(event)), encodeEvent(theirs, event), { mode: 0o600 })
  return event
}

const idsIn = (sandbox: Sandbox, folder: string) =>
  readdirSync(join(sandbox.spoolDir, folder))
    .filter((name) => !name.endsWith('.reason.json'))
    .map((name) => name.slice(0, 36))
    .sort()
const sentIds = (server: ScriptedServer) => server.events.map(({ headers }) => headers['x-request-id'])
const configure = (sandbox: Sandbox, server: ScriptedServer) => {
  sandbox.env = { POSTHORN_HOOK_URL: server.url, POSTHORN_HOOK_API_KEY: 'phk_1_secret' }
}

it('never sends by itself what a cloned repository has in its spool, and says so', async () => {
  using sandbox = new Sandbox(built.file)
  await using server = await ScriptedServer.start()
  const plain = ({ requestId }: SpooledEvent) => `${requestId}.json`
  const waiting = foreignFile(sandbox, 'pending', plain)
  const claimed = foreignFile(sandbox, 'processing', ({ requestId }) => `${requestId}.999999-dead.5.json`)
  const half = foreignFile(sandbox, 'tmp', plain)
  utimesSync(join(sandbox.spoolDir, 'tmp', plain(half)), 1, 1)
  const failed = foreignFile(sandbox, 'failed', plain)
  const unsealed = foreignFile(sandbox, 'pending', plain)
  const path = join(sandbox.spoolDir, 'pending', plain(unsealed))
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"seal":"[0-9a-f]+",/, ''))
  const theirs = [waiting, claimed, half, failed, unsealed].map(({ requestId }) => requestId).sort()

  await sandbox.run(['capture'], EVENT)
  const [checked] = await sandbox.json<{ findings: { kind: string; path: string }[] }>(['queue', 'fsck'])
  expect(checked?.findings.filter(({ kind }) => kind === 'unsealed-event')).toHaveLength(3)
  configure(sandbox, server)
  await sandbox.run(['drain'])
  expect(server.events.map(({ body }) => body)).toEqual([EVENT])
  expect(idsIn(sandbox, 'failed')).toEqual(theirs)
  expect(idsIn(sandbox, 'pending')).toEqual([])

  const [status] = await sandbox.json<{ spools: { failed: number; unsealed: number }[] }>(['status'])
  expect(status?.spools).toMatchObject([{ failed: 5, unsealed: 4 }])
  expect((await sandbox.run(['doctor'])).stdout).toContain('4 events put aside: without your seal')
  expect((await sandbox.run(['queue', 'ls'])).stdout).toContain('unsealed: its seal is of another key')

  const again = await sandbox.run(['queue', 'retry', '--all'])
  expect(again.stderr).toContain('5 were not captured by you here')
  await sandbox.run(['queue', 'retry', waiting.requestId])
  await sandbox.run(['drain'])
  expect(server.events).toHaveLength(1)

  expect((await sandbox.run(['queue', 'show', failed.requestId])).stdout).toContain('not mine')
  await sandbox.run(['queue', 'retry', failed.requestId, '--unsealed'])
  await sandbox.run(['drain'])
  expect(sentIds(server)).toEqual([expect.any(String), failed.requestId])
  expect(idsIn(sandbox, 'failed')).toEqual(theirs.filter((id) => id !== failed.requestId))
})

it('makes one key when fifty first captures come at once, and keeps it out of the project', async () => {
  using sandbox = new Sandbox(built.file)
  await using server = await ScriptedServer.start()
  await Promise.all(Array.from({ length: 50 }, () => sandbox.run(['capture'], EVENT)))
  expect(readdirSync(sandbox.sealDir)).toEqual(['key'])
  expect(readdirSync(join(sandbox.sealDir, '..'))).toEqual(['seal'])
  expect(statSync(join(sandbox.sealDir, 'key')).mode & 0o777).toBe(0o600)
  expect(statSync(sandbox.sealDir).mode & 0o777).toBe(0o700)
  configure(sandbox, server)
  expect(await sandbox.run(['drain'])).toMatchObject({ code: 0 })
  expect(new Set(sentIds(server)).size).toBe(50)
}, 60_000)

it('keeps every event while the key cannot be read, says so, and loses none', async () => {
  using sandbox = new Sandbox(built.file)
  await using server = await ScriptedServer.start()
  await sandbox.run(['capture'], EVENT)
  const key = readFileSync(join(sandbox.sealDir, 'key'))
  writeFileSync(join(sandbox.sealDir, 'key'), 'torn')
  expect(await sandbox.run(['capture'], EVENT)).toEqual({ code: 0, stdout: '', stderr: '' })
  const [sealed, unsealed] = idsIn(sandbox, 'pending')
  configure(sandbox, server)
  const drained = await sandbox.run(['drain'])
  expect(drained).toMatchObject({ code: 1, stdout: expect.stringContaining('cannot be used') })
  expect(server.events).toEqual([])
  expect(idsIn(sandbox, 'pending')).toHaveLength(2)
  expect((await sandbox.run(['status'])).stdout).toContain('seal/key cannot be read: it is no key')
  expect((await sandbox.run(['doctor'])).stdout).toContain('seal/key cannot be read: it is no key')
  expect((await sandbox.run(['queue', 'fsck'])).stdout).toContain('no-seal-key')
  expect(await sandbox.run(['queue', 'retry', '--all', '--unsealed'])).toMatchObject({ code: 1 })
  expect(readFileSync(join(sandbox.logDir, 'webhook-error.log'), 'utf8')).toContain('spooled without a seal')

  writeFileSync(join(sandbox.sealDir, 'key'), key)
  await sandbox.run(['drain'])
  expect(sentIds(server)).toEqual([sealed])
  expect(idsIn(sandbox, 'failed')).toEqual([unsealed])
  await sandbox.run(['queue', 'retry', '--all', '--unsealed'])
  await sandbox.run(['drain'])
  expect(sentIds(server)).toEqual([sealed, unsealed])
})

it('asks about what was captured with a key that was lost, and goes on with a new one', async () => {
  using sandbox = new Sandbox(built.file)
  await using server = await ScriptedServer.start()
  await sandbox.run(['capture'], EVENT)
  const [before] = idsIn(sandbox, 'pending')
  rmSync(join(sandbox.sealDir, 'key'))
  await sandbox.run(['capture'], EVENT)
  expect(existsSync(join(sandbox.sealDir, 'key'))).toBe(true)
  configure(sandbox, server)
  await sandbox.run(['drain'])
  expect(server.events).toHaveLength(1)
  expect(idsIn(sandbox, 'failed')).toEqual([before])
  await sandbox.run(['queue', 'retry', '--all', '--unsealed'])
  await sandbox.run(['drain'])
  expect(sentIds(server)).toEqual([expect.any(String), before])
})
