/** The longest that one timer can take: a larger number would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Waits `ms` milliseconds, also for longer than one timer can.
 * @throws the signal's reason at once when it aborts; its listener is removed in every case.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    let left = Math.max(0, ms)
    let timer: NodeJS.Timeout
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const step = () => {
      const part = Math.min(left, LONGEST_TIMER_MS)
      left -= part
      timer = setTimeout(() => {
        if (left > 0) {
          step()
          return
        }
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, part)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    step()
  })
}
