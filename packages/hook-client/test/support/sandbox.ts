import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSpool, type Spool } from '../../src/spool/layout.ts'

const MAIN = join(import.meta.dirname, '../../src/main.ts')

/** What a command left behind. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A project with a home of its own, in which commands are run. */
export class Sandbox {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'posthorn-hook-')))
  readonly project = join(this.root, 'project')
  readonly home = join(this.root, 'home')
  readonly spoolDir = join(this.project, '.claude/posthorn/spool')
  /** The user's, as on Linux. */
  readonly sealDir = join(this.home, '.local/state/posthorn/seal')
  readonly logDir = join(this.project, '.claude/posthorn/logs')
  /** What commands find in their environment, beside what any program needs. */
  env: Record<string, string> = {}
  readonly #children = new Set<ChildProcess>()
  readonly #command: readonly string[]

  /** Commands are run from the built file, or from their source where there is none. */
  constructor(file?: string) {
    this.#command = file === undefined ? ['--conditions=posthorn-source', MAIN] : [file]
    for (const folder of [join(this.project, '.claude'), this.home]) mkdirSync(folder, { recursive: true })
  }

  /** Starts a command; its standard input stays open where there is no `input`. */
  start(args: readonly string[], options: { input?: string } = {}): Running {
    const { PATH = '', TMPDIR, NODE_COMPILE_CACHE } = process.env
    const child = spawn(process.execPath, [...this.#command, ...args], {
      cwd: this.project,
      env: {
        PATH,
        HOME: this.home,
        NODE_COMPILE_CACHE,
        ...(TMPDIR !== undefined && { TMPDIR }),
        ...this.env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    child.stdin.on('error', () => undefined)
    if (options.input !== undefined) child.stdin.end(options.input)
    return new Running(child)
  }

  /** The project's spool. */
  get spool(): Spool {
    return openSpool(this.spoolDir, { sealDirs: [this.sealDir] })
  }

  /** Runs a command to its end. */
  run(args: readonly string[], input = ''): Promise<Ended> {
    return this.start(args, { input }).ended
  }

  /** What a command with `--json` says, a value a line. */
  async json<T>(args: readonly string[]): Promise<T[]> {
    const { stdout, stderr } = await this.run([...args, '--json'])
    if (stdout === '') throw new Error(`said nothing: ${stderr}`)
    return stdout
      .trim()
      .split('\n')
      .map((line): T => JSON.parse(line))
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** A command that runs. */
export class Running {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(child: ChildProcess) {
    this.process = child
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }
}
