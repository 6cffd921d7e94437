/**
 * Which transactions a moment of the database sees: those below `xmax` that are not in progress. The same as
 * PostgreSQL's `pg_snapshot`, over the 64-bit ids (`xid8`) that never come round again.
 */
export interface Snapshot {
  /** the first id that had not been given out, or not ended, yet */
  readonly xmax: bigint
  /** ids below `xmax` that had not ended, ascending */
  readonly inProgress: readonly bigint[]
}

// PostgreSQL has no more transactions in progress than connections; what comes from outside is held to that order.
const MAX_IN_PROGRESS = 10_000
const FORM = /^(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)$/

/** Reads `xmin:xmax:xip,xip,…`. Undefined for what is no snapshot. */
export function parseSnapshot(text: string): Snapshot | undefined {
  const [, xminText, xmaxText, list] = FORM.exec(text) ?? []
  if (xminText === undefined || xmaxText === undefined || list === undefined) return undefined
  const inProgress = list === '' ? [] : list.split(',').map(BigInt)
  const snapshot = { xmax: BigInt(xmaxText), inProgress }
  const isAscending = inProgress.every((xid, at) => at === 0 || xid > (inProgress[at - 1] ?? xid))
  const isBelow = (inProgress.at(-1) ?? -1n) < snapshot.xmax
  const isWhole = isAscending && isBelow && xminOf(snapshot) === BigInt(xminText)
  return isWhole && inProgress.length <= MAX_IN_PROGRESS ? snapshot : undefined
}

/** The text that PostgreSQL reads and writes. */
export function formatSnapshot(snapshot: Snapshot): string {
  return `${xminOf(snapshot)}:${snapshot.xmax}:${snapshot.inProgress.join(',')}`
}

/** Whether the rows of a transaction that committed are seen. */
export function sees(snapshot: Snapshot, xid: bigint): boolean {
  return xid < snapshot.xmax && !snapshot.inProgress.includes(xid)
}

/** Whether everything that `earlier` sees is seen by `later` too. */
export function contains(later: Snapshot, earlier: Snapshot): boolean {
  if (later.xmax < earlier.xmax) return false
  const missing = new Set(earlier.inProgress)
  return later.inProgress.every((xid) => xid >= earlier.xmax || missing.has(xid))
}

/**
 * A snapshot between two: of transactions up to `xid` it sees what `to` sees, of those after what `from` sees. So a reader
 * that was given the rows between both in the order of their transactions can say how far it came.
 */
export function between(from: Snapshot, to: Snapshot, xid: bigint): Snapshot {
  const xmax = from.xmax > xid ? from.xmax : xid + 1n
  return {
    xmax,
    inProgress: [...to.inProgress.filter((id) => id <= xid), ...from.inProgress.filter((id) => id > xid)],
  }
}

/** The same snapshot that also sees one transaction: one in progress, or the very next. */
export function withSeen(snapshot: Snapshot, xid: bigint): Snapshot {
  if (xid === snapshot.xmax) return { ...snapshot, xmax: xid + 1n }
  return { ...snapshot, inProgress: snapshot.inProgress.filter((id) => id !== xid) }
}

function xminOf(snapshot: Snapshot): bigint {
  return snapshot.inProgress[0] ?? snapshot.xmax
}
