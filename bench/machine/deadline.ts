import { setTimeout as sleep } from 'node:timers/promises'

/** Rejects with the name of what took too long; the work itself goes on until its process is ended. */
export async function withDeadline<T>(work: Promise<T>, milliseconds: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done after ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** How long to wait for a condition, and what to call it when it does not come. */
export interface Wait {
  intervalMs: number
  timeoutMs: number
  what: () => string
  /** Ends the asking quietly. */
  signal?: AbortSignal
}

/** Asks again every `intervalMs` until `condition` holds. Throws after `timeoutMs`. */
export async function waitUntil(condition: () => Promise<boolean> | boolean, wait: Wait): Promise<void> {
  const end = performance.now() + wait.timeoutMs
  while (wait.signal?.aborted !== true && !(await condition())) {
    if (performance.now() > end) throw new Error(`${wait.what()}: not done after ${wait.timeoutMs} ms`)
    await sleep(wait.intervalMs)
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
