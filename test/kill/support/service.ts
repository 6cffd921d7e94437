import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { processFile, ROOT } from '../../processes/process-file.ts'
import { inTime, until } from './until.ts'

/** Those that run. When this process ends before a test did, nothing of it stays behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A line of a service's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string }

/** A process of our own that can be killed, stopped and continued. */
export class Service {
  readonly name: string
  readonly ended: Promise<Ending>
  readonly log: LogLine[] = []
  ending: Ending | undefined
  readonly #process: ChildProcess
  #words = ''

  /** @param args of `node` */
  constructor(name: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.name = name
    this.#process = spawn(process.execPath, args, {
      env,
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this.#process)
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => resolve({ code, signal }))
    })
    void this.ended.then((ending) => {
      this.ending = ending
      running.delete(this.#process)
    })
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString()).slice(-4_000)
    })
    if (this.#process.stdout) {
      createInterface({ input: this.#process.stdout }).on('line', (line) => this.log.push(parse(line)))
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  get isRunning(): boolean {
    return this.ending === undefined
  }

  /** What it said last, for the message of a test that fails. */
  get lastWords(): string {
    const lines = this.log.slice(-5).map((line) => JSON.stringify(line))
    return `${this.name}: ${this.#words.trim()}\n${lines.join('\n')}`
  }

  /** Where it listens, as soon as it is ready. */
  async ready(): Promise<string> {
    const url = await until(`${this.name} listens`, () => {
      if (!this.isRunning) throw new Error(`it did not start: ${this.lastWords}`)
      for (const { msg } of this.log) {
        const found = / at (http:\S+)$/.exec(msg ?? '')?.[1]
        if (found !== undefined) return found
      }
      return undefined
    })
    await until(`${this.name} is ready`, async () => {
      if (!this.isRunning) throw new Error(`it ended: ${this.lastWords}`)
      const answer = await fetch(`${url}/readyz`).catch(() => undefined)
      await answer?.body?.cancel()
      return answer?.ok
    })
    return url
  }

  /** Closes what its standard output and error go to, as a log collector that ends does. */
  stopReading(): void {
    this.#process.stdout?.destroy()
    this.#process.stderr?.destroy()
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#process.kill(signal)
  }

  /** SIGKILL: it has no chance to finish anything. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended
  }

  /** SIGTERM, and then nothing: it has to end by itself. */
  async terminate(): Promise<Ending> {
    this.signal('SIGTERM')
    return inTime(this.ended, () => `${this.name} to end by itself; ${this.lastWords}`)
  }
}

/** A command of `posthorn`, built from its source. */
export function posthorn(command: 'ingest' | 'worker', env: NodeJS.ProcessEnv): Service {
  return new Service(command, [processFile('apps/cli/src/main.ts'), command], env)
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { msg: text }
  }
}
