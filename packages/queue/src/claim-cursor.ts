/** What a claim looks at, and where its loose scans begin. */
export interface Look {
  /** Time before which no due row is looked for; `-infinity` in a full look. */
  floor: string
  /** Time before which no lost lease is looked for; undefined: lost leases are not looked for at all. */
  reapFloor: string | undefined
  groupStart: string
  keyGroupStart: string
  keyStart: string
  /** True: the key scan goes through every key; false: it takes a few of each group and goes on. */
  deep: boolean
}

/** What a claim learnt, as the claim's statement returns it. Times are PostgreSQL's own text. */
export interface ClaimNote {
  /** Store time of the claim. */
  now: string
  /** Due time of the oldest row seen; null when nothing was due. */
  oldest: string | null
  /** Last group of the scan over groups, or null when it did not run. */
  group: string | null
  /** Last group and key of the scan over ordering keys, or null when it did not run. */
  key: [group: string, key: string] | null
}

const fullLookMs = 1000
/** An enqueue becomes visible when it commits, with a due time from its beginning: the floor keeps this distance. */
const floorLagMs = 1000
const wholeReapMs = 30_000
const reapLagMs = 10_000

/**
 * A claimer's memory between claims. Dead entries stay at the head of the due index until a vacuum may remove
 * them, which an old snapshot forbids; a remembered lower bound saves walking them at each claim, and a full
 * look at least each second finds what came in below it (late commits, rows given back).
 */
export class ClaimCursor {
  readonly #monotonic: () => number
  readonly #firstGroup: string
  #floor = '-infinity'
  #lastReap: string | undefined
  #fullLookAt = -Infinity
  #wholeReapAt = -Infinity
  #groupStart: string
  #deepStart: [string, string]
  #wideStart: [string, string]
  #deep = false

  constructor(groupType: 'uuid' | 'text', monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
    this.#firstGroup = groupType === 'uuid' ? '00000000-0000-0000-0000-000000000000' : ''
    this.#groupStart = this.#firstGroup
    this.#deepStart = [this.#firstGroup, '']
    this.#wideStart = [this.#firstGroup, '']
  }

  /** What the next claim shall look at. */
  next(): Look {
    const now = this.#monotonic()
    const isFull = now - this.#fullLookAt >= fullLookMs
    const isWhole = now - this.#wholeReapAt >= wholeReapMs
    if (isFull) this.#fullLookAt = now
    if (isFull && isWhole) this.#wholeReapAt = now
    const [keyGroupStart, keyStart] = this.#deep ? this.#deepStart : this.#wideStart
    return {
      floor: isFull ? '-infinity' : this.#floor,
      reapFloor: isFull ? (isWhole ? '-infinity' : (this.#lastReap ?? '-infinity')) : undefined,
      groupStart: this.#groupStart,
      keyGroupStart,
      keyStart,
      deep: this.#deep,
    }
  }

  /** Takes in what a committed claim learnt. */
  learn(look: Look, note: ClaimNote): void {
    this.#floor = earlier(note.oldest, shift(note.now, -floorLagMs))
    if (look.reapFloor !== undefined) this.#lastReap = shift(note.now, -reapLagMs)
    if (note.group !== null) this.#groupStart = note.group
    if (note.key !== null) {
      if (look.deep) this.#deepStart = note.key
      else this.#wideStart = note.key
      this.#deep = !look.deep
    }
  }

  /** Makes the next claim a full look: after rows were given back, or when a claim failed. */
  forget(): void {
    this.#fullLookAt = -Infinity
  }
}

function shift(time: string, ms: number): string {
  return new Date(Date.parse(time) + ms).toISOString()
}

/** The earlier of a row's time (microseconds, rounded down here) and an ISO time. */
function earlier(time: string | null, other: string): string {
  if (time === null) return other
  const floor = shift(time, 0)
  return floor < other ? floor : other
}
