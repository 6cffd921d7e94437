import { and, asc, desc, eq, getTableColumns, gt, lt } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { type Page, type PageRequest, parsePage, toPage } from '../page.ts'
import { type ConversationStatus, conversations } from '../schema/index.ts'
import {
  type EntryPage,
  type EntryRequest,
  type Message,
  readMessages,
  readToolUses,
  type ToolUse,
} from './entries.ts'
import { removeConversation } from './remove-conversations.ts'
import { searchConversations } from './search.ts'

/** A conversation as it is in lists. */
export interface Conversation {
  readonly id: string
  readonly sessionId: string
  /** first line of the first prompt */
  readonly title: string | null
  readonly status: ConversationStatus
  readonly startedAt: Date
  readonly endedAt: Date | null
  readonly endReason: string | null
  readonly lastEventAt: Date
  /** last known */
  readonly model: string | null
  /** where it began */
  readonly cwd: string | null
  readonly eventCount: number
  readonly messageCount: number
  readonly toolUseCount: number
  readonly toolFailureCount: number
}

/** Which conversations of an app. */
export interface ConversationFilter {
  readonly sessionId?: string
  /** words that stand somewhere in the title or a prompt, in any case */
  readonly search?: string
}

const all = getTableColumns(conversations)
const columns = {
  id: all.id,
  sessionId: all.sessionId,
  title: all.title,
  status: all.status,
  startedAt: all.startedAt,
  endedAt: all.endedAt,
  endReason: all.endReason,
  lastEventAt: all.lastEventAt,
  model: all.model,
  cwd: all.cwd,
  eventCount: all.eventCount,
  messageCount: all.messageCount,
  toolUseCount: all.toolUseCount,
  toolFailureCount: all.toolFailureCount,
}

/** Reads and removes conversations. They are written by {@link applyProjection} only. */
export class ConversationRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async get(appId: string, id: string): Promise<Conversation | undefined> {
    const [row] = await database(this.#pool)
      .select(columns)
      .from(conversations)
      .where(and(eq(conversations.appId, appId), eq(conversations.id, id)))
    return row
  }

  /**
   * Those that came to be last first. A search looks through a bounded number of conversations for each page: a page of it
   * may be short, or empty, and still name a next one.
   */
  async list(appId: string, filter: ConversationFilter, request: PageRequest): Promise<Page<Conversation>> {
    const position = parsePage(request)
    if (filter.search !== undefined) {
      const search = { words: filter.search, sessionId: filter.sessionId }
      return searchConversations(this.#pool, appId, search, position)
    }
    const forward = position.direction === 'after'
    const beyond =
      position.id && (forward ? lt(conversations.id, position.id) : gt(conversations.id, position.id))
    const rows = await database(this.#pool)
      .select(columns)
      .from(conversations)
      .where(
        and(
          eq(conversations.appId, appId),
          filter.sessionId !== undefined ? eq(conversations.sessionId, filter.sessionId) : undefined,
          beyond || undefined,
        ),
      )
      .orderBy(forward ? desc(conversations.id) : asc(conversations.id))
      .limit(position.limit + 1)
    return toPage(rows, position)
  }

  /**
   * Removes a conversation with its messages and tool uses, and announces it as `conversation_update` with the status
   * `deleted`. The captured events that it was made of stay until retention removes them; one of its session that is
   * projected later begins the conversation anew. False when the app has none of this id.
   */
  remove(appId: string, id: string): Promise<boolean> {
    return removeConversation(this.#pool, appId, id)
  }

  /** What was said, in the order of the events. */
  messages(conversationId: string, request: EntryRequest = {}): Promise<EntryPage<Message>> {
    return readMessages(this.#pool, conversationId, request)
  }

  /** What tools were used for, in the order of the events. */
  toolUses(conversationId: string, request: EntryRequest = {}): Promise<EntryPage<ToolUse>> {
    return readToolUses(this.#pool, conversationId, request)
  }
}
