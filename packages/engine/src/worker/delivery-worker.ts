import { performance } from 'node:perf_hooks'
import type { CircuitChange } from '@posthorn/circuit-breaker'
import { type Clock, formatId, type Random } from '@posthorn/core'
import type { ClaimedDelivery, Settled } from '@posthorn/db'
import { CompletionBatcher, Heartbeat, putOffMs, type Queue, type QueueItem, Suspects } from '@posthorn/queue'
import type pg from 'pg'
import type { Emitter } from '../emitter.ts'
import type { Logger, WorkerStats } from '../types.ts'
import { announce } from './announce.ts'
import { ClaimOutage } from './claim-outage.ts'
import { MAX_LOST_CLAIMS } from './decide.ts'
import type { EndpointCache } from './endpoint-cache.ts'
import { type Flight, type Landing, withoutDetails } from './flight.ts'
import { FlightPlan, parked } from './flight-plan.ts'
import { LaunchLimit } from './launch-limit.ts'
import { loadFlights } from './load-flights.ts'
import type { SendSettings } from './send.ts'
import { Signal } from './signal.ts'
import { SlowEndpoints } from './slow-endpoints.ts'
import { within } from './within.ts'
import { WorkerCounters } from './worker-counters.ts'

/** What a worker is made of. */
export interface DeliveryWorkerOptions {
  readonly pool: pg.Pool
  readonly queue: Queue<Landing>
  readonly endpoints: EndpointCache
  readonly sending: SendSettings
  /** the usual deadline of a request; the lease is made from it */
  readonly timeoutMs: number
  readonly concurrency: number
  readonly pollIntervalMs: number
  readonly prepared: boolean
  readonly emitter: Emitter
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

const MAX_CLAIM = 500
/** a flush costs about as much as writing fifty outcomes: under load it waits this long for more */
const GATHER_MS = 10
/** slots on top, as a multiple of the usual ones: sockets are cheap, but not without end */
const MAX_EXTRA_SHARE = 3
const FEW_SLOTS_WAIT_MS = 25
/** how soon deliveries that could start are looked at again when none ends meanwhile */
const LAUNCH_WAIT_MS = 20
const FLUSH_SHARE_MS = 5_000
/** for handing back what is under way, also where there is no grace left */
const LAST_WRITE_MS = 5_000

/** Between the end of a request and the end of its lease there must be time to write its outcome. */
const slackMs = (timeoutMs: number): number => Math.min(15_000, Math.max(1_500, timeoutMs / 2))

/**
 * The loop that delivers: claims what there are slots for, starts every claimed delivery at once, hands what became of
 * them to the batcher, and claims again when slots or endpoints have become free or something became due.
 */
export class DeliveryWorker {
  readonly #options: DeliveryWorkerOptions
  /** something may be due, or an endpoint has room again */
  readonly #due = new Signal()
  /** there is room for a claim worth making */
  readonly #room = new Signal()
  readonly #stopped = new Signal()
  readonly #slow: SlowEndpoints
  /** slots on top of the usual ones, for as long as slow endpoints hold more than their half */
  #extraSlots = 0
  readonly #counters = new WorkerCounters()
  readonly #heartbeat: Heartbeat
  readonly #batcher: CompletionBatcher<Landing>
  readonly #plan: FlightPlan
  readonly #abort = new AbortController()
  readonly #idle = new Set<() => void>()
  readonly #leaseMs: number
  readonly #suspects = new Suspects(MAX_LOST_CLAIMS)
  /** claimed and loaded, waiting for a slot: what the next claim brings while requests are under way */
  readonly #ready: Flight[] = []
  /** claimed and not yet over */
  #held = 0
  /** requests under way: slots taken */
  #inFlight = 0
  readonly #launch: LaunchLimit
  #launchTimer: NodeJS.Timeout | undefined
  #unwritten = 0
  #loop: Promise<void> | undefined
  #stopping = false

  constructor(options: DeliveryWorkerOptions) {
    this.#options = options
    const { queue, logger } = options
    this.#slow = new SlowEndpoints(() => options.clock.monotonic())
    this.#launch = new LaunchLimit(
      () => performance.eventLoopUtilization(),
      () => options.clock.monotonic(),
    )
    this.#leaseMs = options.timeoutMs + slackMs(options.timeoutMs)
    this.#heartbeat = new Heartbeat({
      extend: (leases, leaseMs) => queue.extend(leases, leaseMs),
      leaseMs: this.#leaseMs,
      monotonic: () => options.clock.monotonic(),
      onError: (err) => logger.warn({ err }, 'leases could not be renewed'),
    })
    this.#batcher = new CompletionBatcher<Landing>({
      complete: (outcomes) => queue.complete(outcomes),
      maxBatch: MAX_CLAIM,
      gatherMs: GATHER_MS,
      withoutDetails: ({ record, ...rest }) => (record ? { ...rest, record: withoutDetails(record) } : rest),
      onCompleted: ({ id, leaseToken }) => {
        this.#heartbeat.forget({ id, leaseToken })
        this.#unwritten -= 1
        // Its endpoint has room again, which a claim made meanwhile could not know.
        this.#due.notify()
        this.#wakeIdle()
      },
      onError: (err) => {
        this.#counters.flushErrors += 1
        logger.error({ err }, 'outcomes could not be written; they will be written again')
      },
    })
    this.#plan = new FlightPlan({ ...options, signal: this.#abort.signal })
  }

  get stats(): WorkerStats {
    return this.#counters.snapshot(this.#inFlight)
  }

  /** Something may be due: look now. */
  wake(): void {
    this.#due.notify()
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Claims and delivers what is due now, until nothing more is; returns how many were tried. */
  async runOnce(): Promise<number> {
    let total = 0
    for (;;) {
      const claimed = await this.#claim(this.#freeRoom)
      if (claimed === 0 && this.#held === 0) return total
      total += claimed
      await this.#untilIdle()
    }
  }

  /**
   * Stops claiming and waits for requests under way; past the grace period they are given up and their deliveries handed
   * back. Every outcome is written before it returns, unless the database does not answer.
   */
  async stop(graceMs: number): Promise<void> {
    const { clock, logger } = this.#options
    const endsAt = clock.monotonic() + graceMs
    const leftMs = () => Math.max(LAST_WRITE_MS, Math.ceil(endsAt - clock.monotonic()))
    this.#stopping = true
    clearTimeout(this.#launchTimer)
    this.#due.notify()
    this.#room.notify()
    this.#stopped.notify()
    const finished = this.#finish()
    await within(finished, graceMs - Math.min(FLUSH_SHARE_MS, graceMs / 3))
    // What is under way now ends with a result to write: its delivery is due again, and no attempt was burnt. A claim that
    // was under way may bring such a delivery back, so the loop and what it leaves are waited for too.
    this.#abort.abort()
    await within(finished, leftMs() / 2)
    const unwritten = await this.#batcher.close({ signal: AbortSignal.timeout(leftMs()) })
    if (unwritten > 0) logger.error({ unwritten }, 'stopped with outcomes that could not be written')
    await within(this.#heartbeat.close(), leftMs())
  }

  /** Ends the loop, hands back what waits for a slot and waits for the rest. */
  async #finish(): Promise<void> {
    await this.#loop
    await this.#handBack(this.#ready.splice(0).map(({ item }) => item))
    await this.#untilIdle()
  }

  async #run(): Promise<void> {
    const { pollIntervalMs, logger, clock } = this.#options
    const outage = new ClaimOutage(logger, () => clock.monotonic())
    while (!this.#stopping) {
      this.#makeWay()
      // A claim costs about the same for few rows as for many: under load it waits until it is worth making, but never
      // long, since slots that hang must not keep the free ones from others.
      if (this.#freeRoom < this.#worthwhile) {
        this.#room.forget()
        await this.#room.wait(FEW_SLOTS_WAIT_MS)
      }
      const free = this.#freeRoom
      if (free === 0) continue
      try {
        const claimed = await this.#claim(free)
        outage.worked()
        if (claimed < Math.min(free, MAX_CLAIM)) await this.#due.wait(pollIntervalMs)
      } catch (err) {
        this.#counters.claimErrors += 1
        // That something is due is no reason to try sooner.
        await this.#stopped.wait(outage.failed(err))
      }
    }
  }

  /**
   * Endpoints that hang may have taken every slot before anybody could know it. What they hold beyond their half is given
   * to the others on top, so that nobody waits for their timeouts.
   */
  #makeWay(): void {
    const { concurrency } = this.#options
    const beyond = this.#slow.look().inFlight - Math.floor(concurrency / 2)
    this.#extraSlots = Math.min(MAX_EXTRA_SHARE * concurrency, Math.max(0, beyond))
    this.#takeOff()
  }

  get #slots(): number {
    return this.#options.concurrency + this.#extraSlots
  }

  /** Slots, and half as many deliveries waiting for one, less what is held already. */
  get #freeRoom(): number {
    return Math.max(0, this.#launch.of(this.#slots) + this.#options.concurrency - this.#held)
  }

  get #worthwhile(): number {
    return this.#options.concurrency / 2
  }

  async #claim(free: number): Promise<number> {
    const slow = this.#slow.look()
    const askedAt = this.#options.clock.monotonic()
    const items = await this.#options.queue.claim({
      limit: Math.min(free, MAX_CLAIM),
      leaseMs: this.#leaseMs,
      shared: {
        groups: slow.ids,
        limit: Math.max(0, Math.floor(this.#options.concurrency / 2) - slow.inFlight),
      },
    })
    if (items.length === 0) return 0
    const claimedAt = this.#options.clock.monotonic()
    this.#counters.claimed += items.length
    this.#held += items.length
    for (const item of items) {
      this.#heartbeat.track(item, askedAt)
    }
    void this.#begin(items, claimedAt)
    return items.length
  }

  async #begin(claimed: readonly QueueItem[], claimedAt: number): Promise<void> {
    const { admitted: items, putOff } = this.#suspects.admit(claimed)
    // Before the others go out: what is not sent now must not be blamed if they end this process.
    await this.#handBack(putOff, { delayMs: putOffMs })
    let loaded: Awaited<ReturnType<typeof loadFlights>>
    try {
      loaded = await loadFlights(this.#options, items)
    } catch (err) {
      this.#options.logger.warn({ err }, 'claimed deliveries could not be read; they are handed back')
      await this.#handBack(items)
      return
    }
    if (this.#stopping) return this.#handBack(items)
    for (const item of items) {
      const delivery = loaded.deliveries.get(item.id)
      const target = loaded.targets.get(item.group)
      if (delivery && target) this.#ready.push({ item, delivery, target, claimedAt })
      else void this.#park(item, delivery)
    }
    this.#takeOff()
  }

  /** Starts what waits for a slot, as far as there are slots. */
  #takeOff(): void {
    const limit = this.#launch.of(this.#slots)
    while (!this.#stopping) {
      if (this.#inFlight >= limit) {
        if (this.#ready.length > 0) this.#lookAgain()
        return
      }
      const flight = this.#ready.shift()
      if (!flight) return
      this.#inFlight += 1
      this.#slow.started(flight.item.group)
      void this.#fly(flight)
    }
  }

  #lookAgain(): void {
    this.#launchTimer ??= setTimeout(() => {
      this.#launchTimer = undefined
      this.#takeOff()
    }, LAUNCH_WAIT_MS)
  }

  /** Its endpoint cannot be used through no fault of the delivery: it rests, and no attempt is burnt. */
  async #park(item: QueueItem, delivery: ClaimedDelivery | undefined): Promise<void> {
    if (delivery) await this.#hand(item, { outcome: parked(item, delivery), report: null })
    else this.#drop(item)
  }

  async #fly({ item, delivery, target, claimedAt }: Flight): Promise<void> {
    let durationMs: number | undefined
    const { timeoutMs } = target.endpoint
    const needed = timeoutMs + slackMs(timeoutMs) / 3
    if (needed > this.#heartbeat.remainingMs(item) && !(await this.#renew(item, needed))) {
      // Somebody else may have it by now: nothing is sent and nothing is written.
      this.#counters.stale += 1
      this.#drop(item)
    } else {
      const landing = await this.#plan.fly(item, delivery, target, claimedAt).catch((err: unknown) => {
        // A fault of ours that only this delivery meets: its lease runs out, and after ten times it is poisoned.
        this.#options.logger.error(
          { err, deliveryId: formatId('dlv', item.id) },
          'a delivery could not be tried',
        )
      })
      durationMs = landing?.report?.result.timing.totalMs
      if (landing?.report) this.#counters.attempts[landing.report.result.verdict] += 1
      if (landing) await this.#hand(item, landing)
      else this.#drop(item)
    }
    this.#inFlight -= 1
    this.#slow.ended(item.group, durationMs)
    this.#takeOff()
  }

  /** The slot is free as soon as there is room for the outcome: the next requests go out while this one is written. */
  async #hand(item: QueueItem, landing: Landing): Promise<void> {
    this.#unwritten += 1
    try {
      await this.#batcher.add({ id: item.id, leaseToken: item.leaseToken, kind: 'done', record: landing })
    } catch (err) {
      // It ended after the worker had: its lease runs out, and it is tried again.
      this.#unwritten -= 1
      this.#heartbeat.forget(item)
      this.#options.logger.warn(
        { err, deliveryId: formatId('dlv', item.id) },
        'an outcome came too late to be written',
      )
    }
    this.#landed(item)
  }

  #drop(item: QueueItem): void {
    this.#heartbeat.forget(item)
    this.#landed(item)
  }

  async #renew(item: QueueItem, leaseMs: number): Promise<boolean> {
    const ours = await this.#options.queue.extend([item], leaseMs).catch((): string[] => [])
    return ours.includes(item.id)
  }

  async #handBack(items: readonly QueueItem[], options: { delayMs?: number } = {}): Promise<void> {
    // If this fails too, the leases run out by themselves.
    if (items.length > 0) await this.#options.queue.release(items, options).catch(() => undefined)
    for (const item of items) this.#drop(item)
  }

  #landed(item: QueueItem): void {
    this.#suspects.ended(item)
    this.#held -= 1
    if (this.#freeRoom >= this.#worthwhile) this.#room.notify()
    this.#wakeIdle()
  }

  #wakeIdle(): void {
    if (this.#held > 0 || this.#unwritten > 0) return
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }

  /** Until no request is under way and every outcome is written. */
  async #untilIdle(): Promise<void> {
    if (this.#held > 0 || this.#unwritten > 0) await new Promise<void>((resolve) => this.#idle.add(resolve))
  }

  /** What the recorder tells after a flush was committed. */
  readonly observer = {
    onSettled: (landing: Landing, final: Settled['final']): void => {
      this.#counters.settled[final] += 1
      announce(this.#options.emitter, landing.outcome, final, landing.report?.result.status ?? null)
    },
    onStale: (): void => {
      this.#counters.stale += 1
    },
    onCircuit: (endpointId: string, change: CircuitChange): void => {
      this.#options.logger.info({ endpointId: formatId('ep', endpointId), ...change }, 'circuit changed')
      this.#options.emitter.emit('circuit', { endpointId: formatId('ep', endpointId), ...change })
    },
    onFlushed: (): void => {
      this.#counters.flushes += 1
    },
  }
}
