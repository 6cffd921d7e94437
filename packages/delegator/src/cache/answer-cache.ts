/** A good answer that was kept. */
export interface CachedAnswer {
  /** JSON text of the answer. */
  readonly json: string
  /** When the app gave it, epoch milliseconds. */
  readonly answeredAtMs: number
}

/** Where good answers are kept, for `cacheTtl` and for the fallback `last-good`. */
export interface AnswerCache {
  get(key: string): Promise<CachedAnswer | undefined>
  /** @param keepMs after this many milliseconds it may be forgotten */
  set(key: string, answer: CachedAnswer, keepMs: number): Promise<void>
}
