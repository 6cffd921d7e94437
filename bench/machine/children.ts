import { type ChildProcess, fork, type Serializable, spawn } from 'node:child_process'
import { once } from 'node:events'
import { track } from './cleanup.ts'
import { withDeadline } from './deadline.ts'

/** A process of the bench's own that speaks over Node's channel: `{ kind, … }` in both directions. */
export interface Child {
  pid: number
  /** Sends a message. */
  send(message: { kind: string } & Record<string, Serializable>): void
  /** Waits for a message of this kind. Rejects if the process ends or reports an error before. */
  receive(kind: string, timeoutMs: number): Promise<Record<string, unknown>>
  /** Sends a message and waits for the answer of the same kind. */
  ask(kind: string, timeoutMs?: number): Promise<Record<string, unknown>>
  /** Asks it to stop, kills it after two seconds. */
  stop(): Promise<void>
}

/** Starts a TypeScript file of this folder as a process; `config` arrives there as JSON in argv. */
export async function startChild(entry: string, config: unknown): Promise<Child> {
  const child = fork(entry, [JSON.stringify(config)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const stderr = tailOf(child)
  const release = trackProcess(child)
  const pid = child.pid
  if (pid === undefined) throw new Error(`${entry} did not start`)

  const receive = (kind: string, timeoutMs: number) => {
    const message = new Promise<Record<string, unknown>>((resolve, reject) => {
      const settle = () => {
        child.off('message', onMessage)
        child.off('exit', onExit)
      }
      const onMessage = (received: unknown) => {
        if (!isMessage(received)) return
        if (received.kind === 'error') {
          settle()
          reject(new Error(String(received.message)))
        } else if (received.kind === kind) {
          settle()
          resolve(received)
        }
      }
      const onExit = (code: number | null, signal: string | null) => {
        settle()
        reject(new Error(`the process ended (${signal ?? code}): ${stderr().trim().slice(-600)}`))
      }
      child.on('message', onMessage)
      child.on('exit', onExit)
      if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode)
    })
    return withDeadline(message, timeoutMs, `waiting for '${kind}'`)
  }
  const handle: Child = {
    pid,
    send: (message) => void child.send(message),
    receive,
    ask(kind, timeoutMs = 5_000) {
      const answer = receive(kind, timeoutMs)
      if (child.connected) child.send({ kind })
      return answer
    },
    async stop() {
      if (child.connected) child.send({ kind: 'stop' })
      await release()
    },
  }
  return handle
}

/** Starts any other program (nginx, redis-server, the posthorn command) so that it ends with the run. */
export function startProgram(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): { pid: number; stderr(): string; hasEnded(): boolean; stop(): Promise<void> } {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  child.on('error', () => undefined)
  const stderr = tailOf(child)
  const release = trackProcess(child)
  return {
    pid: child.pid ?? 0,
    stderr,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined,
    async stop() {
      child.kill('SIGTERM')
      await release()
    },
  }
}

function trackProcess(child: ChildProcess): () => Promise<void> {
  return track({
    async close() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const ended = once(child, 'exit')
      const timer = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await ended
      clearTimeout(timer)
    },
    kill: () => void child.kill('SIGKILL'),
  })
}

function tailOf(child: ChildProcess): () => string {
  let tail = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-4_000)
  })
  return () => tail
}

function isMessage(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && 'kind' in value
}
