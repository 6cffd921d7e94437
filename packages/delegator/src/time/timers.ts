/** Where timers come from, so that a test can bring its own time. */
export interface Timers {
  /** Calls back once, after at least `ms` milliseconds. Returns what cancels it. */
  after(ms: number, callback: () => void): () => void
}

/**
 * The timers of this process. What has already arrived is read first: a process that has stalled must not take an answer
 * for a late one that lay there in time.
 */
export const systemTimers: Timers = {
  after(ms, callback) {
    let lastChance: NodeJS.Immediate | undefined
    const timer = setTimeout(() => {
      lastChance = setImmediate(callback)
    }, ms)
    return () => {
      clearTimeout(timer)
      clearImmediate(lastChance)
    }
  },
}
