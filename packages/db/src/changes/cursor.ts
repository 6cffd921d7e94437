import { formatSnapshot, parseSnapshot, type Snapshot } from './snapshot.ts'

/**
 * How far a reader of changes came: it was given everything that a snapshot sees and, where it stopped inside of a
 * transaction, the rows of that one up to a number.
 */
export interface ChangeCursor {
  readonly snapshot: Snapshot
  /** a transaction that the snapshot does not see, of which some rows were given */
  readonly within: ChangePlace | null
}

/** The place of a row: its transaction, and its number. */
export interface ChangePlace {
  readonly xid: bigint
  readonly seq: bigint
}

const MAX_LENGTH = 8_192
const FORM = /^([\d:,]+)(?:\/(\d{1,20})\.(\d{1,19}))?$/

/** Reads what {@link formatCursor} wrote. Undefined for anything else. */
export function parseCursor(text: string): ChangeCursor | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const [, snapshotText = '', xidText, seqText] = FORM.exec(text) ?? []
  const snapshot = parseSnapshot(snapshotText)
  if (!snapshot) return undefined
  if (xidText === undefined || seqText === undefined) return cursorAt(snapshot)
  const within = { xid: BigInt(xidText), seq: BigInt(seqText) }
  const isOpen = within.xid === snapshot.xmax || snapshot.inProgress.includes(within.xid)
  return isOpen ? { snapshot, within } : undefined
}

/** A cursor as text without spaces: the id of an event in a stream. */
export function formatCursor({ snapshot, within }: ChangeCursor): string {
  const text = formatSnapshot(snapshot)
  return within ? `${text}/${within.xid}.${within.seq}` : text
}

/** The cursor of a reader that was given everything that a snapshot sees. */
export const cursorAt = (snapshot: Snapshot): ChangeCursor => ({ snapshot, within: null })
