import { setTimeout as wait } from 'node:timers/promises'
import { recordedConversation } from '@posthorn/conversations/fixtures'
import type pg from 'pg'
import type { Progress } from '../progress.ts'
import type { Stack } from '../stack.ts'
import { Hooks } from './hooks.ts'

/** What came of the captured session. */
export interface CaptureAudit {
  /** hooks that ended, silently and with exit code 0, and are answered for from then on */
  readonly captured: number
  /** distinct events on the server */
  readonly sent: number
  /** events that reached the server once more, and were told apart */
  readonly duplicates: number
  readonly waiting: number
  readonly failed: number
  readonly dropped: number
  /** captured, and neither on the server nor in the spool nor counted as dropped */
  readonly lost: number
  /** hooks that printed something or ended otherwise */
  readonly disturbances: readonly string[]
  /** events on the server that are not part of the conversation yet */
  readonly unprojected: number
  readonly messages: number
  readonly toolUses: number
}

const DRAIN_LIMIT_MS = 30_000
const TAKE_OVER_LIMIT_MS = 60_000

/**
 * A recorded session of Claude Code, played hook by hook: the server is killed after a third of it and is back after
 * another third.
 */
export async function playCapture(stack: Stack, progress: Progress): Promise<CaptureAudit> {
  const hooks = new Hooks(await stack.folder('hooks'), stack.url, stack.key)
  const events = recordedConversation()
  progress.say(`a session of ${events.length} hook events begins; each is captured by a process of its own`)
  for (const [at, { body }] of events.entries()) {
    if (at === Math.floor(events.length / 3)) {
      await stack.killIngest()
      progress.say('ingest is killed with SIGKILL; the session goes on')
    }
    if (at === Math.floor((2 * events.length) / 3)) {
      await stack.restartIngest()
      progress.say(`ingest (${stack.ingestPid}) is back on the same port`)
    }
    await hooks.capture(body)
  }
  // The client would send the rest by its own schedule, within minutes: here nobody wants to wait for it.
  for (const deadline = performance.now() + DRAIN_LIMIT_MS; performance.now() < deadline; await wait(200)) {
    await hooks.drain()
    if ((await hooks.counts()).waiting === 0) break
  }
  progress.say('the session is over and sent')
  // What the killed service was about to project is leased to it still: a worker takes it over when that runs out.
  for (const deadline = performance.now() + TAKE_OVER_LIMIT_MS; ; await wait(200)) {
    const found = await auditCapture(stack.pool, hooks)
    if (found.unprojected === 0 || performance.now() > deadline) return found
  }
}

async function auditCapture(pool: pg.Pool, hooks: Hooks): Promise<CaptureAudit> {
  const { rows } = await pool.query<
    Record<'sent' | 'duplicates' | 'unprojected' | 'messages' | 'toolUses', number>
  >(
    `select count(*) filter (where status not in ('DUPLICATE', 'INVALID'))::int as "sent",
            count(*) filter (where status = 'DUPLICATE')::int as "duplicates",
            count(*) filter (where status not in ('SUCCESS', 'DUPLICATE'))::int as "unprojected",
            (select count(*)::int from posthorn.messages) as "messages",
            (select count(*)::int from posthorn.tool_uses) as "toolUses"
       from posthorn.events where source = 'claude-code'`,
  )
  const [found] = rows
  if (!found) throw new Error('the events could not be counted')
  const { captured, disturbances } = hooks
  const counts = await hooks.counts()
  const lost = captured - found.sent - counts.waiting - counts.failed - counts.dropped
  return { captured, disturbances, ...counts, ...found, lost }
}
