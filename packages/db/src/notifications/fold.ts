import type { FoldedNotification, NewNotification, NotificationParts } from './notification.ts'

/** A pause of this length ends a burst: what comes after it is a notification of its own. */
export const BURST_PAUSE_MS = 60_000
/** A burst that goes on is told anew after this long. */
export const BURST_LENGTH_MS = 3_600_000
/** Writers that a notification remembers, those that added to it last. */
const MAX_WRITERS = 50

/** What notifications of one burst have in common. */
export const kindOf = (notification: NewNotification): string =>
  JSON.stringify([
    notification.appId,
    notification.capability,
    notification.roomId,
    notification.reason,
    notification.strategy,
  ])

/**
 * Folds new notifications of one writer into those that are there. One that the writer has added before counts only by
 * what it has grown since. A writer adds one after the other and those that failed again first: so the last one it added
 * tells of all before it, and an older one was counted.
 *
 * @param kept those that {@link kindOf} finds alike, newest first
 * @returns those that are new or have grown
 */
export function foldNotifications(
  kept: readonly FoldedNotification[],
  added: readonly NewNotification[],
  writer: string,
): FoldedNotification[] {
  const rows = Map.groupBy(kept, kindOf)
  const changed = new Map<string, FoldedNotification>()
  for (const part of added.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const alike = rows.get(kindOf(part)) ?? []
    const { into, count } = placeOf(alike, part, writer)
    if (count <= 0) continue
    const grown = grownBy(into, part, count, writer)
    rows.set(kindOf(part), [grown, ...alike.filter(({ id }) => id !== grown.id)])
    changed.set(grown.id, grown)
  }
  return [...changed.values()]
}

/** Which notification a part goes into, a new one where there is none, and how many calls of it were not counted yet. */
function placeOf(alike: readonly FoldedNotification[], part: NewNotification, writer: string) {
  const [last] = alike
    .flatMap((row) => {
      const [id, count] = row.parts[writer] ?? []
      return id === undefined || count === undefined ? [] : [{ row, id, count }]
    })
    .sort((a, b) => (a.id > b.id ? -1 : 1))
  if (last !== undefined && last.id > part.id) return { into: undefined, count: 0 }
  if (last !== undefined && last.id === part.id) return { into: last.row, count: part.count - last.count }
  return { into: alike.find((row) => isOneBurst(row, part)), count: part.count }
}

const isOneBurst = (row: NewNotification, part: NewNotification): boolean =>
  part.firstAt.getTime() - row.lastAt.getTime() <= BURST_PAUSE_MS &&
  part.firstAt.getTime() - row.firstAt.getTime() <= BURST_LENGTH_MS &&
  row.firstAt.getTime() - part.lastAt.getTime() <= BURST_PAUSE_MS

function grownBy(
  row: FoldedNotification | undefined,
  part: NewNotification,
  count: number,
  writer: string,
): FoldedNotification {
  const parts = withPart(row?.parts ?? {}, writer, part)
  if (row === undefined) return { ...part, parts }
  const isEarlier = part.firstAt < row.firstAt
  const isLater = part.lastAt >= row.lastAt
  return {
    ...row,
    count: row.count + count,
    firstAt: isEarlier ? part.firstAt : row.firstAt,
    lastAt: isLater ? part.lastAt : row.lastAt,
    callId: isLater ? part.callId : row.callId,
    parts,
  }
}

function withPart(
  parts: NotificationParts,
  writer: string,
  { id, count }: NewNotification,
): NotificationParts {
  const all = Object.entries({ ...parts, [writer]: [id, count] as const })
  all.sort(([, [a]], [, [b]]) => (a > b ? -1 : 1))
  return Object.fromEntries(all.slice(0, MAX_WRITERS))
}
