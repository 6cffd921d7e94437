import {
  type ChangeCursor,
  contains,
  currentSnapshot,
  formatCursor,
  parseCursor,
  readChanges,
} from '@posthorn/db'
import type pg from 'pg'
import type { Logger } from '../types.ts'
import type { ChangeFeed } from './feed.ts'
import type { ChangeBatch, FollowOptions, StreamedChange } from './types.ts'

const PAGE = 500
const AGAIN_AFTER_MS = 1_000

/** What following works with. */
export interface Following {
  readonly feed: ChangeFeed
  /** for what the feed does not remember any more */
  readonly pool: pg.Pool
  readonly logger: Logger
}

/**
 * The changes of an app from a place on: along the steps that the feed remembers as long as the follower keeps up, by
 * queries of its own while it is behind. See `ChangesApi.follow`.
 */
export async function* follow(
  { feed, pool, logger }: Following,
  appId: string,
  { after, types, signal }: FollowOptions,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const wanted = types && new Set(types)
  const batch = (changes: readonly StreamedChange[], cursor: ChangeCursor): ChangeBatch => ({
    reset: null,
    changes: wanted ? changes.filter(({ type }) => wanted.has(type)) : changes,
    position: formatCursor(cursor),
  })
  const anew = (reset: 'expired' | 'unknown', cursor: ChangeCursor): ChangeBatch => ({
    reset,
    changes: [],
    position: formatCursor(cursor),
  })

  using _watch = feed.watch(appId)
  const start = await feed.place()
  const given = after === undefined ? start : parseCursor(after)
  let cursor = given ?? start
  yield given ? batch([], cursor) : anew('unknown', cursor)

  while (!signal.aborted && !feed.isStopped) {
    const text = formatCursor(cursor)
    const step = feed.stepFrom(text, appId)
    if (step) {
      cursor = step.next
      yield batch(step.changes.get(appId) ?? [], cursor)
    } else if (feed.isAt(text)) {
      await feed.moved(signal)
    } else {
      try {
        const caught = await catchUp(cursor)
        cursor = caught.cursor
        if (caught.batch) yield caught.batch
      } catch (err) {
        if (signal.aborted || feed.isStopped) return
        logger.warn({ err }, 'changes cannot be read just now; it is tried again')
        await feed.moved(signal, AGAIN_AFTER_MS)
      }
    }
  }

  /** One page of what lies between a place and where the feed is. */
  async function catchUp(from: ChangeCursor): Promise<{ cursor: ChangeCursor; batch?: ChangeBatch }> {
    const place = await feed.place()
    const until = place.snapshot
    if (!contains(until, from.snapshot)) {
      // Another process was ahead of this one, or it is no place of this database at all.
      if (!contains(await currentSnapshot(pool), from.snapshot))
        return { cursor: place, batch: anew('unknown', place) }
      feed.force()
      await feed.moved(signal, AGAIN_AFTER_MS)
      return { cursor: from }
    }
    const page = await readChanges(pool, { appIds: [appId], after: from, until, limit: PAGE })
    if (page.isExpired) return { cursor: place, batch: anew('expired', place) }
    const changes = page.changes.map(({ cursor: own, ...change }) => ({ ...change, id: formatCursor(own) }))
    return { cursor: page.next, batch: batch(changes, page.next) }
  }
}
