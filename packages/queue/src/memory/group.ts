import { Heap } from './heap.ts'

/** A row of the memory queue. */
export interface Row<T> {
  id: string
  group: string
  payload: T
  status: 'pending' | 'processing' | 'halted'
  dueAtMs: number
  attemptCount: number
  claimCount: number
  leaseToken: string | undefined
  leaseUntilMs: number
  orderingKey: string | undefined
  seq: number
}

/** Older first; the id decides between rows that are due at the same time. */
export function isOlder(a: Row<unknown>, b: Row<unknown>): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.id < b.id)
}

/** The rows of one group: the unordered ones by due time, the ordered ones by key. */
export class Group<T> {
  inFlight = 0
  readonly #unordered = new Heap<Row<T>>(isOlder)
  readonly #keys = new Map<string, Row<T>[]>()

  get isEmpty(): boolean {
    return this.inFlight === 0 && this.#unordered.size === 0 && this.#keys.size === 0
  }

  /** Takes in a new row. */
  add(row: Row<T>): void {
    if (row.orderingKey === undefined) {
      this.#unordered.push(row)
    } else {
      const line = this.#keys.get(row.orderingKey)
      if (line) line.push(row)
      else this.#keys.set(row.orderingKey, [row])
    }
  }

  /** Takes back a row that was taken out; an ordered one never left its place. */
  putBack(row: Row<T>): void {
    if (row.orderingKey === undefined) this.#unordered.push(row)
  }

  /** Removes a row that is not among the unordered waiting ones. */
  remove(row: Row<T>): void {
    if (row.orderingKey === undefined) return
    const line = this.#keys.get(row.orderingKey) ?? []
    const index = line.indexOf(row)
    if (index >= 0) line.splice(index, 1)
    if (line.length === 0) this.#keys.delete(row.orderingKey)
  }

  /** Takes out at most `room` rows that are due, the oldest first. Those not leased must be put back. */
  takeDue(room: number, nowMs: number): Row<T>[] {
    const taken: Row<T>[] = []
    for (
      let row = this.#unordered.peek();
      row !== undefined && taken.length < room;
      row = this.#unordered.peek()
    ) {
      if (row.dueAtMs > nowMs) break
      this.#unordered.pop()
      taken.push(row)
    }
    for (const [head] of this.#keys.values()) {
      if (head?.status === 'pending' && head.dueAtMs <= nowMs) taken.push(head)
    }
    taken.sort((a, b) => (isOlder(a, b) ? -1 : 1))
    for (const row of taken.splice(room)) this.putBack(row)
    return taken
  }
}
