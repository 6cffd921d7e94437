/** Something that changed, as it is announced. */
export interface StreamedChange {
  /** place in the stream: give it as `after` to go on behind this change */
  readonly id: string
  /** uuid */
  readonly appId: string
  readonly type: string
  /** the change as JSON text */
  readonly data: string
  readonly at: Date
}

/** What a follower is given at once. */
export interface ChangeBatch {
  /**
   * set: what came before cannot be told any more, so fetch anew. `expired`: it is no longer kept; `unknown`: the place
   * is none of this database
   */
  readonly reset: 'expired' | 'unknown' | null
  readonly changes: readonly StreamedChange[]
  /** place in the stream after all of it */
  readonly position: string
}

/** What to follow. */
export interface FollowOptions {
  /** a place in the stream; only what comes from now on without it */
  readonly after?: string
  /** only changes of these types */
  readonly types?: readonly string[]
  /** ends it */
  readonly signal: AbortSignal
}

/** What changes in an app, as it happens. */
export interface ChangesApi {
  /**
   * Batches of changes, without end: each change once, in the order of transactions, also those that were committed
   * late. The first batch comes at once and may be empty; so may others. Who is slow to ask for the next is behind, and
   * holds up nobody.
   *
   * @throws whatever the database says, before the first batch only
   */
  follow(options: FollowOptions): AsyncGenerator<ChangeBatch, void, undefined>
}
