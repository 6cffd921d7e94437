/** Where timers come from, so that a test can bring its own time. */
export interface Timers {
  /** Calls back once, after at least `ms` milliseconds. Returns what cancels it. */
  after(ms: number, callback: () => void): () => void
}

/** The timers of this process. */
export const systemTimers: Timers = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}
