/** What a claim looks at, and where its loose scans begin. */
export interface Look {
  /** Time before which no due row is looked for; `-infinity` in a full look. */
  floor: string
  /** Whether lost leases are taken back before the claim. */
  reaps: boolean
  /** Tokens of the leases, anybody's, that are held and older than `since`. */
  slow: string[]
  /** Every other lease has a token from here on. */
  since: string
  groupStart: string
  keyGroupStart: string
  keyStart: string
  /** True: the key scan goes through every key; false: it takes a few of each group and goes on. */
  deep: boolean
  /** True: one group has crowded a window of late, so a wide one is looked at. */
  wide: boolean
}

/** What a claim learnt, as the claim's statement returns it. Times are PostgreSQL's own text. */
export interface ClaimNote {
  /** Store time of the claim. */
  now: string
  /** Due time of the oldest row seen; null when nothing was due. */
  oldest: string | null
  /** First token that the next claim looks for in the index. */
  since: string
  /** Held leases that became older than `since` with this claim. */
  aged: string[] | null
  /** Leases of `slow` that are over. */
  gone: string[] | null
  /** Last group of the scan over groups, or null when it did not run. */
  group: string | null
  /** Last group and key of the scan over ordering keys, or null when it did not run. */
  key: [group: string, key: string] | null
}

const fullLookMs = 1000
/** How long a crowd is remembered. */
const wideLookMs = 1000
const wholeLookMs = 10_000
/** Full looks take at most this share of the time, however much there is to walk through. */
const fullLookShare = 0.2
/** An enqueue becomes visible when it commits, with a due time from its beginning: the floor keeps this distance. */
const floorLagMs = 1000
const nil = '00000000-0000-0000-0000-000000000000'

/**
 * A claimer's memory between claims. Entries of rows that are gone stay in an index until a vacuum may remove
 * them, which an old snapshot forbids; what is remembered saves walking them at each claim. A full look, each
 * second, finds what came in below the remembered bound (late commits, rows given back); a whole one, each ten
 * seconds, counts the leases anew, should the database's clock have been set back.
 */
export class ClaimCursor {
  readonly #monotonic: () => number
  readonly #slow = new Set<string>()
  #since = nil
  #floor = '-infinity'
  #fullLookAt = -Infinity
  #wholeLookAt = -Infinity
  #wideUntil = -Infinity
  #groupStart: string
  #deepStart: [string, string]
  #wideStart: [string, string]
  #deep = false

  constructor(groupType: 'uuid' | 'text', monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
    const first = groupType === 'uuid' ? nil : ''
    this.#groupStart = first
    this.#deepStart = [first, '']
    this.#wideStart = [first, '']
  }

  /** What the next claim shall look at. */
  next(): Look {
    const now = this.#monotonic()
    const isFull = now >= this.#fullLookAt
    const isWhole = isFull && now >= this.#wholeLookAt
    if (isFull) this.#fullLookAt = now + fullLookMs
    if (isWhole) this.#wholeLookAt = now + wholeLookMs
    const [keyGroupStart, keyStart] = this.#deep ? this.#deepStart : this.#wideStart
    return {
      floor: isFull ? '-infinity' : this.#floor,
      reaps: isFull,
      slow: isWhole ? [] : [...this.#slow],
      since: isWhole ? nil : this.#since,
      groupStart: this.#groupStart,
      keyGroupStart,
      keyStart,
      deep: this.#deep,
      wide: now < this.#wideUntil,
    }
  }

  /** Takes in what a committed claim learnt, which took `tookMs`. */
  learn(look: Look, note: ClaimNote, tookMs = 0): void {
    const now = this.#monotonic()
    if (look.reaps) this.#fullLookAt = Math.max(this.#fullLookAt, now + tookMs / fullLookShare)
    if (look.since === nil) {
      this.#slow.clear()
      this.#wholeLookAt = Math.max(this.#wholeLookAt, now + (10 * tookMs) / fullLookShare)
    }
    this.#floor = earlier(note.oldest, shift(note.now, -floorLagMs))
    this.#since = note.since
    if (note.group !== null || note.key !== null) this.#wideUntil = now + wideLookMs
    for (const token of note.gone ?? []) this.#slow.delete(token)
    for (const token of note.aged ?? []) this.#slow.add(token)
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
