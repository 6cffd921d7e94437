import { isAccepted, type ReceivedRequest, type RequestEnd } from './received-request.ts'

type Entry = { -readonly [K in keyof ReceivedRequest]: ReceivedRequest[K] }

/** Every request of a receiver, by order, path and `webhook-id`. */
export class Ledger {
  readonly all: Entry[] = []
  readonly #byPath = new Map<string, Entry[]>()
  readonly #byId = new Map<string, Entry[]>()

  /** Enters a request and gives it its numbers. */
  add(request: Omit<ReceivedRequest, 'number' | 'count' | 'seen' | 'end'>): ReceivedRequest {
    const entry: Entry = { ...request, number: 0, count: 0, seen: 0, end: undefined }
    entry.number = this.all.push(entry)
    entry.count = listOf(this.#byPath, entry.path).push(entry)
    if (entry.id !== undefined) entry.seen = listOf(this.#byId, entry.id).push(entry)
    return entry
  }

  /** Notes how a request ended. */
  end(request: ReceivedRequest, end: RequestEnd): void {
    const entry = this.all[request.number - 1]
    if (entry === request) entry.end = end
  }

  of(path: string | undefined): readonly ReceivedRequest[] {
    return path === undefined ? this.all : (this.#byPath.get(path) ?? [])
  }

  withId(id: string): readonly ReceivedRequest[] {
    return this.#byId.get(id) ?? []
  }

  ids(): Iterable<string> {
    return this.#byId.keys()
  }

  acceptedTimes(id: string): number {
    return this.withId(id).filter(isAccepted).length
  }

  clear(): void {
    this.all.length = 0
    this.#byPath.clear()
    this.#byId.clear()
  }
}

function listOf(lists: Map<string, Entry[]>, key: string): Entry[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}
