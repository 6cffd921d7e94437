import { and, eq, gt, lte, sql } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { keptAnswers } from '../schema/index.ts'

/** A good answer of an app that was kept. */
export interface KeptAnswer {
  /** JSON text */
  readonly json: string
  /** when the app gave it, epoch milliseconds */
  readonly answeredAtMs: number
}

/** Good answers, kept for all processes. */
export class AnswerRepository {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  /** The answer of a key; undefined when there is none whose term is not over. */
  async get(key: string): Promise<KeptAnswer | undefined> {
    const [row] = await database(this.#pool)
      .select({ json: keptAnswers.json, answeredAt: keptAnswers.answeredAt })
      .from(keptAnswers)
      .where(and(eq(keptAnswers.key, key), gt(keptAnswers.keepUntil, sql`now()`)))
    return row && { json: row.json, answeredAtMs: row.answeredAt.getTime() }
  }

  /** Keeps an answer for `keepMs`; one that is older than what is kept is passed over. */
  async set(key: string, { json, answeredAtMs }: KeptAnswer, keepMs: number): Promise<void> {
    const answer = {
      json,
      answeredAt: new Date(answeredAtMs),
      keepUntil: sql`now() + ${keepMs}::float8 * interval '1 millisecond'`,
    }
    await database(this.#pool)
      .insert(keptAnswers)
      .values({ key, ...answer })
      .onConflictDoUpdate({
        target: keptAnswers.key,
        set: answer,
        setWhere: lte(keptAnswers.answeredAt, answer.answeredAt),
      })
  }
}
