/** How long a row rests that was put off, milliseconds. */
export const putOffMs = 250

/** Claims between the first suspicion and the end; claims before the end from which on a row is worked alone. */
const suspectClaims = 6
const aloneClaims = 2

interface Claimed {
  readonly leaseToken: string
  readonly claimCount: number
}

/**
 * Tells which of the rows that were claimed may be worked now when workers keep dying. A claim counts against every
 * row in the hands of the worker that dies, so a row that kills it would take all others along to `maxClaims`, and so
 * would a worker that dies of something else. From six claims before that end on, rows are suspects: 16 of them are
 * worked at a time, half as many with each further claim of the one that has most, and the last two claims alone. The
 * others are put off: released for a moment, so that the claim is not counted.
 */
export class Suspects {
  readonly #maxClaims: number
  /** Claims of the suspects being worked, by lease. */
  readonly #worked = new Map<string, number>()

  /** @param maxClaims a row that was claimed more often than this is not worked any more */
  constructor(maxClaims: number) {
    this.#maxClaims = maxClaims
  }

  /** Parts rows just claimed. Those put off must be released before the others are begun. */
  admit<Item extends Claimed>(items: readonly Item[]): { admitted: Item[]; putOff: Item[] } {
    const [others, suspects]: [Item[], Item[]] = [[], []]
    for (const item of items) (this.#isSuspect(item) ? suspects : others).push(item)
    if (suspects.length === 0) return { admitted: others, putOff: [] }
    suspects.sort((a, b) => b.claimCount - a.claimCount)
    const most = Math.max(...suspects.slice(0, 1).map((item) => item.claimCount), ...this.#worked.values())
    const room = Math.max(1, 2 ** (this.#maxClaims - aloneClaims - most)) - this.#worked.size
    const worked = suspects.slice(0, Math.max(0, room))
    for (const { leaseToken, claimCount } of worked) this.#worked.set(leaseToken, claimCount)
    return { admitted: [...others, ...worked], putOff: suspects.slice(worked.length) }
  }

  /** The work on a row is over, however it ended. */
  ended({ leaseToken }: { readonly leaseToken: string }): void {
    this.#worked.delete(leaseToken)
  }

  #isSuspect({ claimCount }: Claimed): boolean {
    return claimCount >= Math.max(2, this.#maxClaims - suspectClaims) && claimCount <= this.#maxClaims
  }
}
