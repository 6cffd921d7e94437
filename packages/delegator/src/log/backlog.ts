import type { CallAttempt, CallIncident, CallLogBatch, FallbackNotification } from './call-log.ts'
import { Fifo } from './fifo.ts'
import { foldNotification, notificationKind } from './fold-notifications.ts'
import type { Losses, LostKind } from './losses.ts'
import { recordBytes, responseBytes } from './record-bytes.ts'

/** The lists of a batch. */
export type RecordKind = keyof CallLogBatch
/** A record of one of them. */
export type RecordOf<K extends RecordKind> = CallLogBatch[K][number]

/** How much is kept. */
export interface BacklogLimits {
  /** Records of each kind. */
  readonly maxKept: number
  /** About this much memory for all of them, bytes. */
  readonly maxBytes: number
  /** What is taken at once: records of all kinds, and about how many bytes unless a single one has more. */
  readonly maxTaken: number
  readonly maxTakenBytes: number
}

interface Entry<K extends RecordKind> {
  record: RecordOf<K>
  /** Rises from one record to the next, whatever their kind. */
  readonly order: number
  bytes: number
  /** What it may be found by, for a notification that may count on. */
  openAs?: string | undefined
}

type Queues = { readonly [K in RecordKind]: Fifo<Entry<K>> }

/** Records that were taken to be written. */
export type Chunk = { readonly [K in RecordKind]: Entry<K>[] }

/** A chunk as the log takes it. */
export function batchOf(chunk: Chunk): CallLogBatch {
  return {
    calls: chunk.calls.map(({ record }) => record),
    attempts: chunk.attempts.map(({ record }) => record),
    notifications: chunk.notifications.map(({ record }) => record),
    incidents: chunk.incidents.map(({ record }) => record),
    circuitChanges: chunk.circuitChanges.map(({ record }) => record),
  }
}

/** Calls and their attempts come in floods, and are let go before what tells of many of them. */
const FLOODING: readonly RecordKind[] = ['attempts', 'calls']
const KINDS: readonly RecordKind[] = [...FLOODING, 'notifications', 'incidents', 'circuitChanges']

/**
 * Records that wait to be written, the oldest first. Too many of a kind cost the oldest of it. Too many bytes cost the
 * responses of the oldest attempts first, and the oldest records once there are no more of these.
 */
export class Backlog {
  readonly #limits: BacklogLimits
  readonly #queues: Queues = queues()
  /** Those of the attempts that have a response to let go, in the same order. */
  readonly #heavy = new Fifo<Entry<'attempts'>>()
  /** Notifications that may count on, by what they are told apart by: none that is being written. */
  readonly #open = new Map<string, Entry<'notifications'>>()
  #losses: Losses = {}
  #order = 0
  /** Of what waits and of what was taken. */
  #bytes = 0

  constructor(limits: BacklogLimits) {
    this.#limits = limits
  }

  /** Records that wait. */
  get size(): number {
    return KINDS.reduce((sum, kind) => sum + this.#queues[kind].size, 0)
  }

  /** The place of the record that came last, for {@link take}. */
  get newest(): number {
    return this.#order
  }

  add<K extends 'calls' | 'incidents' | 'circuitChanges'>(kind: K, record: RecordOf<K>): void {
    this.#push(kind, record)
    this.#shrink()
  }

  addAttempt(record: CallAttempt): void {
    const entry = this.#push('attempts', record)
    if (responseBytes(record) > 0) this.#heavy.push(entry)
    this.#shrink()
  }

  /** Adds one to that of its kind, if there is one that was not taken. */
  addNotification(record: FallbackNotification): void {
    const kind = notificationKind(record)
    const known = this.#open.get(kind)
    if (known === undefined) this.#reopen(this.#push('notifications', record), kind)
    else known.record = foldNotification(known.record, record)
    this.#shrink()
  }

  /** Adds one that is taken before all others. */
  addFirst(record: CallIncident): void {
    const entry = { record, order: 0, bytes: recordBytes(record) }
    this.#queues.incidents.putBack([entry])
    this.#bytes += entry.bytes
  }

  /**
   * The oldest records, to be written: then give them to {@link written} or {@link putBack}. Undefined if there are none.
   *
   * @param through later ones than this are left
   */
  take(through: number): Chunk | undefined {
    const chunk: Chunk = { calls: [], attempts: [], notifications: [], incidents: [], circuitChanges: [] }
    let bytes = 0
    for (let taken = 0; taken < this.#limits.maxTaken; taken++) {
      const kind = this.#oldest(KINDS)
      const next = kind && this.#queues[kind].first
      if (kind === undefined || next === undefined || next.order > through) break
      bytes += next.bytes
      if (taken > 0 && bytes > this.#limits.maxTakenBytes) break
      this.#move(kind, chunk)
    }
    return KINDS.some((kind) => chunk[kind].length > 0) ? chunk : undefined
  }

  written(chunk: Chunk): void {
    for (const kind of KINDS) for (const { bytes } of chunk[kind]) this.#bytes -= bytes
  }

  /** Puts what could not be written in front again. */
  putBack(chunk: Chunk): void {
    for (const kind of KINDS) this.#return(kind, chunk)
    this.#heavy.putBack(chunk.attempts.filter(({ record }) => responseBytes(record) > 0))
    // The last one of a kind counts on: they are told in the order of their ids.
    for (const entry of chunk.notifications.toReversed()) {
      const kind = notificationKind(entry.record)
      if (!this.#open.has(kind)) this.#reopen(entry, kind)
    }
    this.#shrink()
  }

  /** What waits, by kind. */
  get waiting(): Losses {
    return Object.fromEntries(KINDS.map((kind) => [kind, this.#queues[kind].size]))
  }

  /** What there was no room for since it was {@link takeLosses taken}. */
  get losses(): Losses {
    return this.#losses
  }

  takeLosses(): Losses {
    const losses = this.#losses
    this.#losses = {}
    return losses
  }

  #push<K extends RecordKind>(kind: K, record: RecordOf<K>): Entry<K> {
    const entry: Entry<K> = { record, order: ++this.#order, bytes: recordBytes(record) }
    this.#queues[kind].push(entry)
    this.#bytes += entry.bytes
    return entry
  }

  /** That of the kinds whose first record is the oldest. */
  #oldest(kinds: readonly RecordKind[]): RecordKind | undefined {
    let oldest: RecordKind | undefined
    let least = Number.POSITIVE_INFINITY
    for (const kind of kinds) {
      const order = this.#queues[kind].first?.order ?? Number.POSITIVE_INFINITY
      if (order >= least) continue
      least = order
      oldest = kind
    }
    return oldest
  }

  #move<K extends RecordKind>(kind: K, chunk: Chunk): void {
    const entry = this.#shift(kind)
    const list: Entry<K>[] = chunk[kind]
    if (entry !== undefined) list.push(entry)
  }

  #return<K extends RecordKind>(kind: K, chunk: Chunk): void {
    const queue: Fifo<Entry<K>> = this.#queues[kind]
    queue.putBack(chunk[kind])
  }

  #shift<K extends RecordKind>(kind: K): Entry<K> | undefined {
    const queue: Fifo<Entry<K>> = this.#queues[kind]
    const entry = queue.shift()
    if (entry === undefined) return undefined
    if (entry.openAs !== undefined) this.#open.delete(entry.openAs)
    entry.openAs = undefined
    if (this.#heavy.first?.order === entry.order) this.#heavy.shift()
    return entry
  }

  #reopen(entry: Entry<'notifications'>, kind: string): void {
    entry.openAs = kind
    this.#open.set(kind, entry)
  }

  #shrink(): void {
    const { maxKept, maxBytes } = this.#limits
    for (const kind of KINDS) while (this.#queues[kind].size > maxKept) this.#drop(kind)
    while (this.#bytes > maxBytes) {
      const heavy = this.#heavy.shift()
      if (heavy !== undefined) this.#lighten(heavy)
      else if (!this.#drop(this.#oldest(FLOODING) ?? this.#oldest(KINDS))) return
    }
  }

  /** The row stays, and says that something is missing. */
  #lighten(entry: Entry<'attempts'>): void {
    this.#bytes -= entry.bytes
    const light = { responseBody: null, responseHeaders: null, responseTruncated: true }
    entry.record = { ...entry.record, ...light }
    entry.bytes = recordBytes(entry.record)
    this.#bytes += entry.bytes
    this.#lose('responses')
  }

  #drop(kind: RecordKind | undefined): boolean {
    const entry = kind && this.#shift(kind)
    if (kind === undefined || entry === undefined) return false
    this.#bytes -= entry.bytes
    this.#lose(kind)
    return true
  }

  #lose(kind: LostKind): void {
    this.#losses = { ...this.#losses, [kind]: (this.#losses[kind] ?? 0) + 1 }
  }
}

const queues = (): Queues => ({
  calls: new Fifo(),
  attempts: new Fifo(),
  notifications: new Fifo(),
  incidents: new Fifo(),
  circuitChanges: new Fifo(),
})
