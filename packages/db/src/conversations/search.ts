import type pg from 'pg'
import { encodeCursor, type Page, type Position, toPage } from '../page.ts'
import type { Conversation } from './conversation-repository.ts'

/**
 * Conversations that one page of a search looks through: a full-text index would find whole words only, and neither parts
 * of names nor paths, which is what people look for here; one of trigrams needs an extension.
 */
const MOST_LOOKED_AT = 1_000

/**
 * Conversations with some words in their title or in a prompt. The statement looks at a bounded stretch of the list, in
 * its order; where that ends before the page is full, the cursor goes on from there.
 */
export async function searchConversations(
  pool: pg.Pool,
  appId: string,
  search: { readonly words: string; readonly sessionId: string | undefined },
  position: Position,
): Promise<Page<Conversation>> {
  const forward = position.direction === 'after'
  const [compare, direction] = forward ? ['<', 'desc'] : ['>', 'asc']
  const { rows } = await pool.query<Conversation & { lastLookedAt: string; looked: number }>(
    `with looked as materialized (
       select c.* from posthorn.conversations c
        where c.app_id = $1 and ($2::uuid is null or c.id ${compare} $2) and ($3::text is null or c.session_id = $3)
        order by c.id ${direction} limit ${MOST_LOOKED_AT}
     ), found as (
       select l.* from looked l
        where l.title ilike $4
           -- With a limit it is asked for each conversation; an "exists" may read every message there is instead.
           or (select true from posthorn.messages m
                where m.conversation_id = l.id and m.role = 'user' and m.text ilike $4 limit 1)
        order by l.id ${direction} limit $5
     ), reached as (
       select count(*)::int as looked, (array_agg(id order by id ${forward ? 'asc' : 'desc'}))[1] as "lastLookedAt" from looked
     )
     select f.id, f.session_id as "sessionId", f.title, f.status, f.started_at as "startedAt", f.ended_at as "endedAt",
            f.end_reason as "endReason", f.last_event_at as "lastEventAt", f.model, f.cwd, f.event_count as "eventCount",
            f.message_count as "messageCount", f.tool_use_count as "toolUseCount",
            f.tool_failure_count as "toolFailureCount", r.looked, r."lastLookedAt"
       from reached r left join found f on true order by f.id ${direction}`,
    [appId, position.id, search.sessionId ?? null, `%${escapeLike(search.words)}%`, position.limit + 1],
  )
  const [first] = rows
  const found = rows.filter((row) => row.id !== null).map(({ looked: _, lastLookedAt: __, ...row }) => row)
  const page = toPage(found, position)
  if (!first || first.looked < MOST_LOOKED_AT || found.length > position.limit) return page
  const goesOn = encodeCursor(forward ? '>' : '<', first.lastLookedAt)
  return forward ? { ...page, next: goesOn } : { ...page, prev: goesOn }
}

const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, (character) => `\\${character}`)
