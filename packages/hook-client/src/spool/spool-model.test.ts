import fc from 'fast-check'
import { expect, it } from 'vitest'
import { eventMaker } from '../../test/support/events.ts'
import { FakeClock } from '../../test/support/fake-clock.ts'
import { MemoryDisk } from '../../test/support/memory-disk.ts'
import { DEFAULTS } from '../config/settings.ts'
import { retryEvents } from './care.ts'
import { claimEvent, completeEvent, failEvent, recoverClaims, releaseEvent } from './claims.ts'
import { dropEvent } from './drops.ts'
import { checkSpool } from './fsck.ts'
import { eventFile, openSpool, type Spool } from './layout.ts'
import { listEvents } from './listing.ts'
import { putEvent } from './put.ts'
import { spoolStatus } from './status.ts'

/** The reference: where each event is, in plain maps. */
interface Model {
  pending: string[]
  processing: Map<string, { claimed: string; leaseUntil: number }>
  failed: Set<string>
  dropped: number
}

interface Real {
  spool: Spool
  disk: MemoryDisk
  clock: FakeClock
  newEvent: ReturnType<typeof eventMaker>
}

const LIMITS = { ...DEFAULTS.limits, maxEvents: 6 }
const LEASE_MS = 30_000
const nobodyIsGone = () => false

abstract class Step implements fc.Command<Model, Real> {
  check(_model: Readonly<Model>): boolean {
    return true
  }
  abstract act(model: Model, real: Real): void
  run(model: Model, real: Real): void {
    this.act(model, real)
    const idsIn = (folder: 'pending' | 'processing' | 'failed') =>
      listEvents(real.spool, folder).map(({ requestId, corrupt }) =>
        corrupt === undefined ? requestId : corrupt,
      )
    expect(idsIn('pending')).toEqual(model.pending.toSorted())
    expect(idsIn('processing')).toEqual([...model.processing.keys()].sort())
    expect(idsIn('failed')).toEqual([...model.failed].sort())
    expect(spoolStatus(real.spool).dropped.total.full ?? 0).toBe(model.dropped)
    expect(listEvents(real.spool).every(({ ageMs }) => ageMs >= 0)).toBe(true)
  }
}

class Put extends Step {
  override act(model: Model, { spool, newEvent }: Real): void {
    const event = newEvent()
    const { requestId } = event
    const { spooled, dropped } = putEvent(spool, event, LIMITS)
    expect(spooled).toBe(true)
    model.pending.push(requestId)
    const excess = model.pending.length + model.processing.size - LIMITS.maxEvents
    const oldest = model.pending
      .toSorted()
      .filter((id) => id !== requestId)
      .slice(0, Math.max(0, excess))
    expect(dropped).toEqual(oldest)
    model.pending = model.pending.filter((id) => !oldest.includes(id))
    model.dropped += oldest.length
  }
  override toString = () => 'put'
}

class PutNewestDropped extends Step {
  override act(model: Model, { spool, newEvent }: Real): void {
    const event = newEvent()
    const isFull = model.pending.length + model.processing.size >= LIMITS.maxEvents
    const { spooled } = putEvent(spool, event, { ...LIMITS, dropPolicy: 'drop-newest' })
    expect(spooled).toBe(!isFull)
    if (isFull) model.dropped += 1
    else model.pending.push(event.requestId)
  }
  override toString = () => 'put, drop newest'
}

class ClaimOldest extends Step {
  override check = (model: Readonly<Model>) => model.pending.length > 0
  override act(model: Model, { spool, clock }: Real): void {
    const requestId = model.pending.toSorted()[0] ?? ''
    const leaseUntil = clock.now() + LEASE_MS
    const claimed = claimEvent(spool, requestId, { owner: '1-a', leaseUntil }) ?? ''
    expect(claimEvent(spool, requestId, { owner: '2-b', leaseUntil })).toBeUndefined()
    model.pending = model.pending.filter((id) => id !== requestId)
    model.processing.set(requestId, { claimed, leaseUntil })
  }
  override toString = () => 'claim'
}

class Finish extends Step {
  readonly how: 'complete' | 'release' | 'fail'
  constructor(how: 'complete' | 'release' | 'fail') {
    super()
    this.how = how
  }
  override check = (model: Readonly<Model>) => model.processing.size > 0
  override act(model: Model, { spool }: Real): void {
    const [requestId, { claimed }] = [...model.processing][0] ?? ['', { claimed: '' }]
    model.processing.delete(requestId)
    if (this.how === 'complete') {
      completeEvent(spool, claimed)
    } else if (this.how === 'release') {
      releaseEvent(spool, claimed, requestId)
      model.pending.push(requestId)
    } else {
      const failure = { reason: 'rejected', at: '', message: 'no', tries: 1 } as const
      failEvent(spool, 'processing', claimed, eventFile(requestId), failure)
      model.failed.add(requestId)
    }
  }
  override toString = () => this.how
}

class Time extends Step {
  readonly ms: number
  constructor(ms: number) {
    super()
    this.ms = ms
  }
  override act(_model: Model, { clock }: Real): void {
    if (this.ms >= 0) clock.advance(this.ms)
    else clock.turn(this.ms)
  }
  override toString = () => `time ${this.ms}`
}

class Recover extends Step {
  override act(model: Model, { spool, clock }: Real): void {
    recoverClaims(spool, nobodyIsGone)
    for (const [requestId, { leaseUntil }] of model.processing) {
      const isLive = leaseUntil > clock.now() && leaseUntil <= clock.now() + 3_600_000
      if (isLive) continue
      model.processing.delete(requestId)
      model.pending.push(requestId)
    }
  }
  override toString = () => 'recover'
}

class RetryAll extends Step {
  override act(model: Model, { spool }: Real): void {
    retryEvents(spool, 'all')
    model.pending.push(...model.failed)
    model.failed.clear()
  }
  override toString = () => 'retry'
}

class DropOne extends Step {
  override check = (model: Readonly<Model>) => model.pending.length > 0
  override act(model: Model, { spool }: Real): void {
    const requestId = model.pending[0] ?? ''
    expect(dropEvent(spool, 'pending', eventFile(requestId), requestId, 'full')).toBe(true)
    expect(dropEvent(spool, 'pending', eventFile(requestId), requestId, 'full')).toBe(false)
    model.pending.shift()
    model.dropped += 1
  }
  override toString = () => 'drop'
}

/** A power cut: nothing that was put may be gone, since putting syncs. */
class PowerCut extends Step {
  override act(_model: Model, { disk, spool }: Real): void {
    disk.crash()
    const kinds = checkSpool(spool, { repair: false, isAlive: () => true }).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind !== 'orphaned-claim')).toEqual([])
  }
  override toString = () => 'power cut'
}

it('behaves like a reference queue, whatever happens in whatever order', () => {
  const commands = [
    fc.constant(new Put()),
    fc.constant(new PutNewestDropped()),
    fc.constant(new ClaimOldest()),
    fc.constantFrom('complete' as const, 'release' as const, 'fail' as const).map((how) => new Finish(how)),
    fc.integer({ min: -100_000_000, max: 100_000 }).map((ms) => new Time(ms)),
    fc.constant(new Recover()),
    fc.constant(new RetryAll()),
    fc.constant(new DropOne()),
    fc.constant(new PowerCut()),
  ]
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 60 }), (steps) => {
      const clock = new FakeClock()
      const disk = new MemoryDisk(clock.now)
      const real = {
        clock,
        disk,
        spool: openSpool('/spool', { disk, clock, sealDirs: ['/spool-seal'] }),
        newEvent: eventMaker(clock),
      }
      const model: Model = { pending: [], processing: new Map(), failed: new Set(), dropped: 0 }
      fc.modelRun(() => ({ model, real }), steps)
    }),
    { numRuns: 200 },
  )
})
