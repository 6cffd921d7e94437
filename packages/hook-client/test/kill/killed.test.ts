import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { listEvents } from '../../src/spool/listing.ts'
import { spoolStatus } from '../../src/spool/status.ts'
import type { SenderInfo } from '../../src/spool/types.ts'
import { buildCommand } from '../support/built-command.ts'
import { DedupingServer } from '../support/deduping-server.ts'
import { Sandbox } from '../support/sandbox.ts'

const WRITERS = 50
const EVENTS_OF_A_WRITER = 5
const KILLED_CAPTURES = 150
const KILLED_SENDERS = 50
/** A capture takes about so long here: kills fall at any moment of it. */
const LONGEST_LIFE_MS = 250

/** A generator of numbers in [0, 1), so that a failure names what led to it. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Ends the sender that holds the lock of a spool, if there is one. */
function killSender(spoolDir: string): boolean {
  try {
    const { pid } = JSON.parse(readFileSync(join(spoolDir, 'sender.lock'), 'utf8')) as SenderInfo
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

it('loses nothing that capture acknowledged, whoever is killed at whatever moment', async () => {
  using built = await buildCommand()
  using sandbox = new Sandbox(built.file)
  const server = await new DedupingServer().start()
  const seed = Date.now()
  const random = seeded(seed)
  sandbox.env = {
    POSTHORN_HOOK_URL: server.url,
    POSTHORN_HOOK_API_KEY: 'phk_1_secret',
    POSTHORN_HOOK_RETRY_DELAY: '20',
  }
  const acknowledged: string[] = []
  const toKill = new Set<string>()
  while (toKill.size < KILLED_CAPTURES) {
    toKill.add(`${Math.floor(random() * WRITERS)}-${Math.floor(random() * EVENTS_OF_A_WRITER)}`)
  }

  const write = async (writer: number) => {
    for (let n = 0; n < EVENTS_OF_A_WRITER; n++) {
      const mark = `${writer}-${n}`
      const input = JSON.stringify({ hook_event_name: 'PostToolUse', session_id: `s${writer}`, mark })
      const running = sandbox.start(['capture'], { input })
      if (toKill.has(mark)) {
        const timer = setTimeout(() => running.process.kill('SIGKILL'), random() * LONGEST_LIFE_MS)
        running.process.once('exit', () => clearTimeout(timer))
      }
      const { code, stdout, stderr } = await running.ended
      expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' })
      if (code === 0) acknowledged.push(mark)
    }
  }
  let killedSenders = 0
  let isWriting = true
  const killSenders = async () => {
    while (isWriting && killedSenders < KILLED_SENDERS) {
      await delay(random() * 100)
      if (killSender(sandbox.spoolDir)) killedSenders += 1
    }
  }
  const killing = killSenders()
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  isWriting = false
  await killing
  const { spool } = sandbox
  const waiting = () => spoolStatus(spool).pending + spoolStatus(spool).processing
  while (waiting() > 0) await sandbox.run(['drain'])
  await server.stop()

  const onServer = server.taken.map(({ body }) => String(body['mark']))
  expect(new Set(onServer).size, `an event came under two request ids, seed ${seed}`).toBe(onServer.length)
  const failed = listEvents(spool, 'failed')
  const missing = acknowledged.filter((mark) => !onServer.includes(mark))
  const { dropped } = spoolStatus(spool)
  expect({ missing, failed, dropped: dropped.total, seed }).toEqual({
    missing: [],
    failed: [],
    dropped: {},
    seed,
  })
  for (let writer = 0; writer < WRITERS; writer++) {
    const arrived = server.taken.filter(({ sessionId }) => sessionId === `s${writer}`)
    const acknowledgedOnes = arrived.filter(({ body }) => acknowledged.includes(String(body['mark'])))
    const inOrder = acknowledgedOnes.toSorted((a, b) => (a.requestId < b.requestId ? -1 : 1))
    expect(acknowledgedOnes.map(({ body }) => body['mark'])).toEqual(inOrder.map(({ body }) => body['mark']))
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(WRITERS * EVENTS_OF_A_WRITER - KILLED_CAPTURES)
  expect(killedSenders).toBeGreaterThan(0)
}, 180_000)
