import { afterAll, beforeAll, expect, it } from 'vitest'
import { spoolStatus } from '../src/spool/status.ts'
import { buildCommand } from './support/built-command.ts'
import { DedupingServer } from './support/deduping-server.ts'
import { Sandbox } from './support/sandbox.ts'

const SESSIONS = ['s0', 's1', 's2']
const ROUNDS = 4

let built: Awaited<ReturnType<typeof buildCommand>>
beforeAll(async () => {
  built = await buildCommand()
})
afterAll(() => built[Symbol.dispose]())

/** Sessions side by side, each capturing one event after the other. Everything ends well and silently. */
async function captureAll(sandbox: Sandbox, first = 0): Promise<void> {
  await Promise.all(
    SESSIONS.map(async (session) => {
      for (let n = first; n < first + ROUNDS; n++) {
        const input = JSON.stringify({ hook_event_name: 'PostToolUse', session_id: session, n })
        expect(await sandbox.run(['capture'], input)).toEqual({ code: 0, stdout: '', stderr: '' })
      }
    }),
  )
}

function expectAll(server: DedupingServer, rounds: number): void {
  for (const session of SESSIONS) {
    const arrived = server.taken.filter(({ sessionId }) => sessionId === session).map(({ body }) => body['n'])
    expect(arrived).toEqual(Array.from({ length: rounds }, (_, n) => n))
  }
}

function scene(server: DedupingServer, apiKey = 'phk_1_right'): Sandbox {
  const sandbox = new Sandbox(built.file)
  const env = {
    POSTHORN_HOOK_URL: server.url,
    POSTHORN_HOOK_API_KEY: apiKey,
    POSTHORN_HOOK_RETRY_DELAY: '10',
  }
  sandbox.env = env
  return sandbox
}

const waiting = ({ spool }: Sandbox) => {
  const { pending, processing } = spoolStatus(spool)
  return pending + processing
}

it('a server that is down for the whole run has everything once it is up, in order per session', async () => {
  const server = await new DedupingServer().start()
  using sandbox = scene(server)
  await server.stop()
  await captureAll(sandbox)
  expect(waiting(sandbox)).toBe(SESSIONS.length * ROUNDS)
  await server.start()
  await expect.poll(() => sandbox.run(['drain']).then(({ code }) => code), { timeout: 60_000 }).toBe(0)
  expectAll(server, ROUNDS)
  expect(waiting(sandbox)).toBe(0)
  await server.stop()
})

it('a wrong key rejects nothing: with the right one, the next hook brings everything', async () => {
  const server = await new DedupingServer().start()
  server.behaviour = ({ headers }) => (headers.authorization === 'Bearer phk_1_right' ? 200 : 401)
  using sandbox = scene(server, 'phk_1_wrong')
  await captureAll(sandbox)
  await expect.poll(() => spoolStatus(sandbox.spool).state?.hold?.kind, { timeout: 60_000 }).toBe('refused')
  expect(server.taken).toEqual([])
  sandbox.env = { ...sandbox.env, POSTHORN_HOOK_API_KEY: 'phk_1_right' }
  await captureAll(sandbox, ROUNDS)
  await expect.poll(() => waiting(sandbox), { timeout: 60_000 }).toBe(0)
  expectAll(server, 2 * ROUNDS)
  expect(spoolStatus(sandbox.spool).failed).toBe(0)
  await server.stop()
})

it('a server that hangs delays no hook, and has everything when it answers again', async () => {
  const server = await new DedupingServer().start()
  server.behaviour = () => 'hang'
  using sandbox = scene(server)
  sandbox.env = { ...sandbox.env, POSTHORN_HOOK_TIMEOUT: '300' }
  await captureAll(sandbox)
  expect(waiting(sandbox)).toBe(SESSIONS.length * ROUNDS)
  server.behaviour = () => 200
  await expect.poll(() => sandbox.run(['drain']).then(({ code }) => code), { timeout: 60_000 }).toBe(0)
  expectAll(server, ROUNDS)
  await server.stop()
})

it('a server that breaks connections and fails now and then gets each event once', async () => {
  const server = await new DedupingServer().start()
  let count = 0
  server.behaviour = () => (++count % 5 === 0 ? 'reset' : count % 3 === 0 ? 500 : 200)
  using sandbox = scene(server)
  await captureAll(sandbox)
  server.behaviour = () => 200
  await expect.poll(() => sandbox.run(['drain']).then(() => waiting(sandbox)), { timeout: 60_000 }).toBe(0)
  expectAll(server, ROUNDS)
  await server.stop()
})
