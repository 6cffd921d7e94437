import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { PosthornError } from '@posthorn/core'

const STOP_TIMEOUT_MS = 60_000
/** A program that sets a cluster up and does not obey SIGTERM within this time is killed; the next start goes on. */
const OBEY_MS = 5_000

/** The server did not start; `words` are its own last ones. */
export const startFailure = (words: string): PosthornError =>
  new PosthornError('database_start_failed', `The embedded PostgreSQL did not start: ${words}`)

/** Stops a server and waits until it is gone: SIGINT ends open sessions and keeps everything committed. */
export async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return
  process.kill(pid, 'SIGINT')
  for (const deadline = Date.now() + STOP_TIMEOUT_MS; Date.now() < deadline; await wait(20)) {
    if (!isAlive(pid)) return
  }
  throw new PosthornError('database_stop_failed', 'The embedded PostgreSQL did not stop within a minute.')
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !isZombie(pid)
}

/** A dead process that nobody has waited for still takes signals; containers without an init keep such ones. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/, ''))
  } catch {
    return false
  }
}

/**
 * Waits for a program that has an end. Aborted, it is stopped, and this rejects when it and its own children are gone.
 *
 * @throws PosthornError `database_start_failed` with what it said on standard error
 */
export async function finished(child: ChildProcess, name: string, signal?: AbortSignal): Promise<void> {
  let words = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  const stop = () => {
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), OBEY_MS).unref()
  }
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  const code = await new Promise<number | null>((done) => {
    child.once('error', () => done(null))
    child.once('close', done)
  })
  signal?.removeEventListener('abort', stop)
  signal?.throwIfAborted()
  if (code !== 0) throw startFailure(`${name} failed: ${words.trim() || `exit code ${code}`}`)
}
