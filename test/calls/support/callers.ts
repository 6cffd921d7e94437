import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { inTime } from '../../kill/support/until.ts'
import { processFile } from '../../processes/process-file.ts'
import type { CallerReport, CallerTask } from './protocol.ts'

const SCRIPT = processFile('test/calls/support/caller.ts')

/** Processes that share a circuit. None of them outlives the test. */
export class Callers implements AsyncDisposable {
  readonly #databaseUrl: string
  readonly #processes: ChildProcess[] = []

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl
  }

  async start(count: number): Promise<void> {
    const started = Array.from({ length: count }, () => fork(SCRIPT, [this.#databaseUrl], { execArgv: [] }))
    this.#processes.push(...started)
    await Promise.all(started.map((child) => message(child)))
  }

  /** Every process makes these calls, all at the same time. */
  all(task: CallerTask): Promise<CallerReport[]> {
    return Promise.all(this.#processes.map((child) => report(child, task)))
  }

  /** One of them alone. */
  one(at: number, task: CallerTask): Promise<CallerReport> {
    return report(this.#at(at), task)
  }

  /** Ends one with SIGKILL: at once, or as soon as something has happened after it was given a task. */
  async kill(at: number, during?: { task: CallerTask; when: Promise<unknown> }): Promise<void> {
    const child = this.#at(at)
    if (during) child.send(during.task)
    await during?.when
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    this.#processes.splice(at, 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#processes.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )
    const ended = running.map((child) => once(child, 'exit'))
    for (const child of running) child.kill('SIGKILL')
    await Promise.all(ended)
  }

  #at(at: number): ChildProcess {
    const child = this.#processes[at]
    if (child === undefined) throw new Error(`there is no caller ${at}`)
    return child
  }
}

/** What several processes report, taken together. */
export function together(reports: readonly CallerReport[]): CallerReport {
  const outcomes: Record<string, number> = {}
  for (const report of reports) {
    for (const [what, count] of Object.entries(report.outcomes))
      outcomes[what] = (outcomes[what] ?? 0) + count
  }
  const changes = reports.flatMap((report) => report.changes).toSorted((a, b) => a.epoch - b.epoch)
  return { outcomes, changes }
}

async function report(child: ChildProcess, task: CallerTask): Promise<CallerReport> {
  const answer = message(child)
  child.send(task)
  return (await answer) as CallerReport
}

async function message(child: ChildProcess): Promise<unknown> {
  const done = new AbortController()
  const { signal } = done
  const ended = once(child, 'exit', { signal }).then(([code, name]) => {
    throw new Error(`a caller ended with ${code ?? name}`)
  })
  const answer = once(child, 'message', { signal }).then(([said]) => said as unknown)
  try {
    return await inTime(Promise.race([answer, ended]), () => 'a caller')
  } finally {
    // The other one is told that nobody waits for it any more.
    ended.catch(() => undefined)
    answer.catch(() => undefined)
    done.abort()
  }
}
