import { setTimeout as wait } from 'node:timers/promises'
import type { Progress } from '../progress.ts'
import type { CircuitNote, Stack } from '../stack.ts'
import { Platform, type SeenCall } from './platform.ts'
import { ThirdPartyApp } from './third-party-app.ts'

/** What came of the calls. */
export interface CallsAudit {
  readonly calls: number
  /** milliseconds in which a call is answered: the timeout + 500 */
  readonly limitMs: number
  /** answered with 200 within that */
  readonly inTime: number
  readonly byApp: number
  /** fallbacks by reason, most frequent first */
  readonly byFallback: readonly (readonly [reason: string, count: number])[]
  readonly slowestMs: number
  /** requests that reached the app */
  readonly asked: number
  readonly badSignatures: number
  /** rows that the calls left */
  readonly recorded: number
  readonly toldOf: { readonly notifications: number; readonly fallbacks: number }
  /** the decision of a person reached the app */
  readonly isDecisionDelivered: boolean
  readonly circuits: readonly (readonly [capability: string, changes: readonly CircuitNote[]])[]
}

const TIMEOUT_MS = 1_000
const GRACE_MS = 500
const ROOM = 'room-1'
const EVERY_MS = 25
const PHASE_MS = 2_000
const PATIENCE_MS = 20_000

const CAPABILITIES = ['quiz_answer', 'winner_selection'] as const

/** A quiz asks a third-party app, which is well, then slow, then gone, then back. */
export async function playCalls(stack: Stack, progress: Progress): Promise<CallsAudit> {
  const app = new ThirdPartyApp()
  await app.open()
  try {
    const platform = new Platform(stack)
    const at = (path: string) => ({ url: app.url(path), timeout: TIMEOUT_MS })
    app.secret = await platform.register('Quiz app', {
      quiz_answer: { ...at('/answer'), fallback: { strategy: 'static', data: { correct: null } } },
      winner_selection: at('/winner'),
      participant_registration: at('/participant'),
    })
    progress.say(`a quiz asks a third-party app, ${1_000 / EVERY_MS} times a second; its users wait`)
    const calls = new Calling(platform)
    await wait(PHASE_MS)
    app.isSlow = true
    progress.say('the app becomes slow: it needs 5 s for an answer')
    await wait(PHASE_MS)
    await app.close()
    progress.say('the app is gone: connections are refused')
    const registration = await platform.call('participant_registration', { name: 'Ada' }, ROOM)
    await wait(PHASE_MS / 2)
    app.isSlow = false
    await app.open()
    progress.say('the app is back on the same port')
    await until(() => CAPABILITIES.every((name) => isWell(platform.seen.filter(of(name)))))
    await calls.stop()
    const { approvalId = '' } = registration.data as { approvalId?: string }
    await platform.approve(approvalId)
    await until(() => app.events.length > 0)
    return await audit(stack, platform, app)
  } finally {
    await app.close()
  }
}

/** The last calls were answered by the app: single probes would not make so many. */
const isWell = (calls: readonly SeenCall[]) => calls.slice(-5).every(({ outcome }) => outcome === 'ok')

const of = (name: string) => (call: { readonly capability: string }) => call.capability === name

/** Calls at an even pace, in turns for each capability, however long the answers take. */
class Calling {
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #timer: NodeJS.Timeout
  #count = 0

  constructor(platform: Platform) {
    this.#timer = setInterval(() => {
      const name = CAPABILITIES[this.#count++ % CAPABILITIES.length] ?? CAPABILITIES[0]
      const call = platform.call(
        name,
        { question: this.#count, candidates: ['Ada', 'Grace', 'Edsger'] },
        ROOM,
      )
      this.#underWay.add(call)
      call.then(
        () => this.#underWay.delete(call),
        () => this.#underWay.delete(call),
      )
    }, EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
  }
}

async function audit(stack: Stack, platform: Platform, app: ThirdPartyApp): Promise<CallsAudit> {
  const { seen } = platform
  const fallbacks = seen.filter(({ outcome }) => outcome === 'fallback')
  const reasons = Map.groupBy(fallbacks, ({ reason }) => reason ?? 'unknown')
  const count = async () => {
    const { rows } = await stack.pool.query<{ n: number }>('select count(*)::int as n from posthorn.calls')
    return rows[0]?.n ?? 0
  }
  // Records are written beside the calls, a moment later.
  await until(async () => (await count()) >= seen.length)
  await until(async () => (await platform.told(ROOM)).fallbacks >= fallbacks.length)
  await until(async () => (await circuitsOf(stack, platform.appId)).every(isClosedAgain))
  return {
    calls: seen.length,
    limitMs: TIMEOUT_MS + GRACE_MS,
    inTime: seen.filter(({ status, ms }) => status === 200 && ms <= TIMEOUT_MS + GRACE_MS).length,
    byApp: seen.length - fallbacks.length,
    byFallback: [...reasons]
      .map(([reason, calls]) => [reason, calls.length] as const)
      .toSorted((a, b) => b[1] - a[1]),
    slowestMs: Math.max(...seen.map(({ ms }) => ms)),
    asked: app.requests,
    badSignatures: app.badSignatures,
    recorded: await count(),
    toldOf: await platform.told(ROOM),
    isDecisionDelivered: app.events.includes('approval.approved'),
    circuits: await circuitsOf(stack, platform.appId),
  }
}

const isClosedAgain = ([, changes]: CallsAudit['circuits'][number]) =>
  changes.length === 0 || changes.at(-1)?.to === 'closed'

async function circuitsOf(stack: Stack, appId: string): Promise<CallsAudit['circuits']> {
  const { rows } = await stack.pool.query<{ id: string; capability: string }>(
    `select 'ep_' || replace(id::text, '-', '') as id, capability from posthorn.endpoints
      where app_id = $1 and capability is not null order by capability`,
    [appId.slice('app_'.length)],
  )
  return rows.map(({ id, capability }) => [
    capability,
    [...stack.circuitChanges.values()]
      .filter((change) => change.endpointId === id)
      .toSorted((a, b) => a.epoch - b.epoch),
  ])
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await wait(50)) {
    if (await isSo()) return
  }
}
