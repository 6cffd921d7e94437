import { createHash } from 'node:crypto'
import { formatId } from '@posthorn/core'
import type pg from 'pg'
import { type NewChange, recordForPlatform } from '../changes/record-changes.ts'
import { firstIdAt } from '../events/event-repository.ts'
import { findAlikeSql, keepNotificationsSql } from '../sql/fold-notifications.ts'
import { storableText } from '../storable-text.ts'
import { BURST_LENGTH_MS, BURST_PAUSE_MS, foldNotifications, kindOf } from './fold.ts'
import type { FoldedNotification, NewNotification } from './notification.ts'

/** What clocks of several processes may differ by. */
const CLOCKS_APART_MS = 60_000

/**
 * Writes notifications inside a transaction, folded into those that are there, and announces each that is new or has
 * grown. Whoever writes one of the same kind waits for the end of the transaction; kinds are locked in one order by all.
 */
export async function writeNotifications(
  client: pg.ClientBase,
  added: readonly NewNotification[],
  writer: string,
): Promise<void> {
  if (added.length === 0) return
  const storable = added.map(toStorable)
  const locks = storable.map((notification) => lockOf(kindOf(notification))).sort()
  // In a statement of its own: the next one must see what those before have committed.
  await client.query(
    'select pg_advisory_xact_lock(k) from unnest($1::bigint[]) with ordinality as l(k, n) order by n',
    [locks],
  )
  const alike = await findAlike(client, storable)
  const changed = foldNotifications(alike, storable, writer)
  if (changed.length === 0) return
  await client.query(keepNotificationsSql, [JSON.stringify(changed)])
  await recordForPlatform(client, changed.map(toChange))
}

const toStorable = (notification: NewNotification): NewNotification => ({
  ...notification,
  capability: storableText(notification.capability),
  roomId: notification.roomId === null ? null : storableText(notification.roomId),
  reason: storableText(notification.reason),
  strategy: storableText(notification.strategy),
})

/** The key of an advisory lock, as PostgreSQL reads a bigint. */
const lockOf = (kind: string): string =>
  createHash('sha256').update(`posthorn notification ${kind}`).digest().readBigInt64BE().toString()

async function findAlike(
  client: pg.ClientBase,
  added: readonly NewNotification[],
): Promise<FoldedNotification[]> {
  const wanted = added.map((notification) => ({ ...notification, since: horizonOf(notification) }))
  const { rows } = await client.query<FoldedNotification>(findAlikeSql, [JSON.stringify(wanted)])
  return rows
}

/** No notification with a smaller id can be of the same burst, or have been made by the same one before. */
function horizonOf({ id, firstAt }: NewNotification): string {
  const earliest = firstAt.getTime() - BURST_LENGTH_MS - BURST_PAUSE_MS - CLOCKS_APART_MS
  const first = firstIdAt(new Date(earliest))
  return first < id ? first : id
}

const toChange = ({ parts: _, ...notification }: FoldedNotification): NewChange => ({
  appId: notification.appId,
  type: 'notification',
  data: {
    ...notification,
    id: formatId('ntf', notification.id),
    appId: formatId('app', notification.appId),
    callId: formatId('call', notification.callId),
  },
})
