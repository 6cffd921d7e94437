import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const manifest = createRequire(import.meta.url).resolve('@posthorn/hook-client/package.json')
const COMMAND = join(dirname(manifest), 'dist/posthorn-hook.cjs')
const LIMIT_MS = 20_000

/** What lies in the spools of the client. */
export interface SpoolCounts {
  readonly waiting: number
  readonly failed: number
  readonly dropped: number
}

/** The part of `posthorn-hook status --json` that the demo reads. */
interface Status {
  readonly spools: readonly {
    readonly pending: number
    readonly processing: number
    readonly failed: number
    readonly dropped: { readonly total: Readonly<Record<string, number>> }
  }[]
}

/** The hook client as a tool runs it: a process for each hook, in an environment and on a spool of the demo's own. */
export class Hooks {
  readonly #env: NodeJS.ProcessEnv
  readonly #folder: string
  /** hooks that were run and ended as they must: silently, with exit code 0 */
  captured = 0
  /** hooks that said something or ended otherwise */
  readonly disturbances: string[] = []

  constructor(folder: string, url: string, key: string) {
    const { PATH, TMPDIR } = process.env
    this.#folder = folder
    this.#env = {
      ...{ PATH, TMPDIR, HOME: folder },
      POSTHORN_HOOK_URL: `${url}/api/v1/hooks/claude-code`,
      POSTHORN_HOOK_API_KEY: key,
      POSTHORN_HOOK_SPOOL_DIR: join(folder, 'spool'),
      POSTHORN_HOOK_LOG_DIR: join(folder, 'logs'),
    }
  }

  /** Hands one event to `capture`, as the tool does, and waits for its end. */
  async capture(body: object): Promise<void> {
    const { code, output } = await this.#run(['capture'], JSON.stringify(body))
    if (code === 0 && output === '') this.captured += 1
    else this.disturbances.push(`capture ended with ${code}: ${output.slice(0, 200)}`)
  }

  /** Sends what waits, without waiting for its schedule. */
  async drain(): Promise<void> {
    await this.#run(['drain', '--json'], '')
  }

  async counts(): Promise<SpoolCounts> {
    const { output } = await this.#run(['status', '--json'], '')
    const { spools } = JSON.parse(output) as Status
    const sum = (read: (spool: Status['spools'][number]) => number) =>
      spools.reduce((total, spool) => total + read(spool), 0)
    return {
      waiting: sum(({ pending, processing }) => pending + processing),
      failed: sum(({ failed }) => failed),
      dropped: sum(({ dropped }) => Object.values(dropped.total).reduce((total, count) => total + count, 0)),
    }
  }

  #run(args: string[], input: string): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, [COMMAND, ...args], {
      cwd: this.#folder,
      env: this.#env,
      timeout: LIMIT_MS,
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, output }))
    })
  }
}
