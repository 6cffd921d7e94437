import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeBody } from '../delivery/jobs.ts'
import { track } from '../machine/cleanup.ts'

const COMMAND = join(import.meta.dirname, '../../packages/hook-client/dist/posthorn-hook.cjs')
/** Runs of each kind that are not counted: the first ones read the files from the disk. */
const WARM_UP = 3

/** Runs hooks as a tool does, on a spool of their own. */
export class HookRuns {
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #release: () => Promise<void>

  constructor(url: string, key: string) {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing: build first`)
    this.#folder = mkdtempSync(join(tmpdir(), 'posthorn-bench-hook-'))
    const { PATH } = process.env
    this.#env = {
      ...{ PATH, HOME: this.#folder },
      POSTHORN_HOOK_URL: `${url}/api/v1/hooks/claude-code`,
      POSTHORN_HOOK_API_KEY: key,
      POSTHORN_HOOK_SPOOL_DIR: join(this.#folder, 'spool'),
      POSTHORN_HOOK_LOG_DIR: join(this.#folder, 'logs'),
    }
    const close = () => this.#endSender()
    this.#release = track({ close: async () => close(), kill: close })
  }

  /** Milliseconds of `count` runs of each kind, in turn. Throws when a hook did not end as it must. */
  async interleaved(count: number): Promise<{ bare: number[]; captured: number[] }> {
    const bare: number[] = []
    const captured: number[] = []
    for (let run = 0; run < count + WARM_UP; run++) {
      const one = await this.#time(['-e', '0'], '')
      const other = await this.#time([COMMAND, 'capture'], hook(run))
      if (run < WARM_UP) continue
      bare.push(one)
      captured.push(other)
    }
    return { bare, captured }
  }

  /** Ends the sender that was started, and removes everything. */
  close(): Promise<void> {
    return this.#release()
  }

  #time(args: string[], input: string): Promise<number> {
    const start = performance.now()
    const child = spawn(process.execPath, args, { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        if (code === 0 && output === '') resolve(performance.now() - start)
        else reject(new Error(`ended with ${code}: ${output.slice(0, 200)}`))
      })
    })
  }

  #endSender(): void {
    try {
      const { pid } = JSON.parse(readFileSync(join(this.#folder, 'spool', 'sender.lock'), 'utf8'))
      if (Number.isInteger(pid) && pid > 1) process.kill(pid, 'SIGKILL')
    } catch {
      // None was started, or it has ended.
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

function hook(run: number): string {
  const response = JSON.parse(makeBody(run)) as unknown
  return JSON.stringify({
    session_id: `bench-${run % 5}`,
    hook_event_name: 'PostToolUse',
    tool_name: 'Bash',
    tool_input: { command: 'true' },
    tool_response: response,
    tool_use_id: `toolu_${run}`,
  })
}
