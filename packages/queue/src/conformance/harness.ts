import { afterEach, beforeEach } from 'vitest'
import type { ClaimRequest, Completion, Ending, Queue, QueueItem } from '../types.ts'

/** A row that the suite puts into a queue. */
export interface HarnessItem {
  group?: string
  dueInMs?: number
  orderingKey?: string
}

/** One empty queue of the backend under test, with what the suite needs beside the interface. */
export interface QueueHarness {
  queue: Queue
  /** Another claimer over the same rows: another process, where the backend has several. */
  another(): Queue
  /** Puts rows in, in this order, and returns their ids. Groups are made of any text the suite chooses. */
  enqueue(items: readonly HarnessItem[]): Promise<string[]>
  /** Sets what the gates say about a group. */
  setGate(group: string, gate: { maxInFlight?: number | null; allowance?: number | null }): Promise<void>
  /** The name under which items and requests speak of a group. */
  groupKey(group: string): string
  /** Removes a buried row that halted its key. */
  discard(id: string): Promise<void>
  /** Lets time pass on the store's clock. */
  pass(ms: number): Promise<void>
  /** The store's clock, epoch milliseconds. */
  now(): Promise<number>
  close(): Promise<void>
}

/** What a backend gives to the suite. */
export interface QueueBackend {
  name: string
  /** `haltKeys`: a buried row with an ordering key blocks its key. */
  open(options: { haltKeys: boolean }): Promise<QueueHarness>
}

/** The harness of the running test, with the few calls that every test makes. */
export interface Bench {
  readonly queue: Queue
  readonly harness: QueueHarness
  claim(request?: Partial<ClaimRequest>): Promise<QueueItem[]>
  /** Ends leased rows, and says for each whether that was applied. */
  end(items: readonly QueueItem[], ending?: Ending): Promise<boolean[]>
  /** Ids of a claim's items, sorted. */
  claimIds(request?: Partial<ClaimRequest>): Promise<string[]>
}

/** Opens a queue before each test of a `describe` block and closes it afterwards. */
export function benchOf(backend: QueueBackend, options = { haltKeys: false }): Bench {
  let current: QueueHarness | undefined
  const harness = (): QueueHarness => {
    if (current === undefined) throw new Error('no queue is open')
    return current
  }
  beforeEach(async () => {
    current = await backend.open(options)
  })
  afterEach(async () => {
    await current?.close()
    current = undefined
  })
  const claim = (request: Partial<ClaimRequest> = {}) =>
    harness().queue.claim({ limit: 100, leaseMs: 30_000, ...request })
  return {
    get queue() {
      return harness().queue
    },
    get harness() {
      return harness()
    },
    claim,
    async claimIds(request) {
      return (await claim(request)).map(({ id }) => id).sort()
    },
    async end(items, ending = { kind: 'done' }) {
      const completions: Completion[] = await harness().queue.complete(
        items.map(({ id, leaseToken }) => ({ id, leaseToken, ...ending })),
      )
      return completions.map(({ applied }) => applied)
    },
  }
}

/** `count` equal rows. */
export function rows(count: number, item: HarnessItem = {}): HarnessItem[] {
  return Array.from({ length: count }, () => ({ ...item }))
}

/** How many of the items belong to each group. */
export function countByGroup(items: readonly QueueItem[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { group } of items) counts.set(group, (counts.get(group) ?? 0) + 1)
  return counts
}
