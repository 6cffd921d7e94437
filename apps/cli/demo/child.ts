import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const COMMAND = join(import.meta.dirname, '../dist/main.js')
const START_MS = 30_000
const STOP_MS = 7_000

/** A line of a service's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string }

/** A process of the built command. */
export class Child {
  readonly name: string
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  readonly #listening: Promise<string>
  #lastWords = ''

  /** @param onLog gets every line of its log */
  constructor(name: string, args: readonly string[], env: NodeJS.ProcessEnv, onLog: (line: LogLine) => void) {
    this.name = name
    this.#process = spawn(process.execPath, [COMMAND, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ended = new Promise((resolve) => this.#process.once('close', () => resolve()))
    this.#process.once('error', (error) => this.#note(error.message))
    this.#process.stderr?.on('data', (chunk: Buffer) => this.#note(chunk.toString()))
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#listening = promise
    const lines = createInterface({ input: this.#process.stdout ?? process.stdin })
    lines.on('line', (text) => {
      const line = parse(text)
      const [, url] = / at (http:\S+)$/.exec(line.msg ?? '') ?? []
      if (url !== undefined) resolve(url)
      if (Number(line['level']) >= 50) this.#note(`${line.msg}\n`)
      onLog(line)
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  get hasEnded(): boolean {
    return (
      this.#process.exitCode !== null || this.#process.signalCode !== null || this.#process.pid === undefined
    )
  }

  /** Where it listens, as soon as it is ready. */
  async ready(): Promise<string> {
    const url = await Promise.race([this.#listening, this.#ended.then(() => undefined), after(START_MS)])
    if (url === undefined)
      throw new Error(`${this.name} did not start: ${this.#lastWords.trim() || 'no word from it'}`)
    for (const deadline = Date.now() + START_MS; Date.now() < deadline && !this.hasEnded; await after(50)) {
      const answer = await fetch(`${url}/readyz`).catch(() => undefined)
      await answer?.body?.cancel()
      if (answer?.ok) return url
    }
    throw new Error(`${this.name} is not ready: ${this.#lastWords.trim() || 'no word from it'}`)
  }

  /** SIGKILL: it has no chance to finish anything. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** SIGTERM, and SIGKILL where that does not end it in time. */
  async stop(): Promise<void> {
    if (this.hasEnded) return
    this.#process.kill('SIGTERM')
    await Promise.race([this.#ended, after(STOP_MS)])
    if (!this.hasEnded) await this.kill()
  }

  /** For the last moment, when nothing can be waited for. */
  killNow(): void {
    if (!this.hasEnded) this.#process.kill('SIGKILL')
  }

  #note(text: string): void {
    this.#lastWords = (this.#lastWords + text).slice(-2_000)
  }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { msg: text }
  }
}

const after = (ms: number): Promise<undefined> =>
  new Promise((resolve) => void setTimeout(() => resolve(undefined), ms).unref())
