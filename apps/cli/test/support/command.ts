import { type ChildProcess, spawn } from 'node:child_process'
import { processFile } from '../../../../test/processes/process-file.ts'

const MAIN = processFile('apps/cli/src/main.ts')

/** What a command left behind. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs, built from its source. */
export class Command {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], env: Readonly<Record<string, string>>, input?: string) {
    // Nothing of the environment that the tests run in but what any program needs.
    const { PATH = '', HOME = '', TMPDIR, NODE_COMPILE_CACHE } = process.env
    this.process = spawn(process.execPath, [MAIN, ...args], {
      env: {
        PATH,
        HOME,
        ...(TMPDIR !== undefined && { TMPDIR }),
        ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
        ...env,
      },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.process.stdin?.end(input)
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString()
    })
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  /** Waits for words on standard output. Rejects when the command ends without them. */
  async says(words: string | RegExp): Promise<string> {
    const found = () => (typeof words === 'string' ? this.stdout.includes(words) : words.test(this.stdout))
    const end = this.ended.then(({ code, stderr }) => {
      if (!found()) throw new Error(`ended with ${code} before it said ${words}: ${this.stdout}${stderr}`)
    })
    while (!found()) {
      await Promise.race([end, new Promise((resolve) => this.process.stdout?.once('data', resolve))])
    }
    return this.stdout
  }

  /** The first line of standard output as JSON. */
  async firstJson<T>(): Promise<T> {
    return JSON.parse((await this.says('\n')).split('\n')[0] ?? '') as T
  }

  signal(name: NodeJS.Signals): Promise<Ended> {
    this.process.kill(name)
    return this.ended
  }
}

/** Runs a command to its end. */
export function run(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<Ended> {
  return new Command(args, options.env ?? {}, options.input).ended
}
