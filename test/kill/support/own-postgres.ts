import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type EmbeddedPostgres,
  freePort,
  startEmbeddedPostgres,
} from '../../../packages/db/src/embedded/index.ts'
import { until } from './until.ts'

/** A PostgreSQL server that a test may stop and start again at the same place. */
export class OwnPostgres implements AsyncDisposable {
  readonly #folder: string
  readonly #port: number
  #server: EmbeddedPostgres

  private constructor(folder: string, port: number, server: EmbeddedPostgres) {
    this.#folder = folder
    this.#port = port
    this.#server = server
  }

  static async start(): Promise<OwnPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-kill-'))
    // PostgreSQL runs as another user when this is root, and must be able to enter.
    await chmod(folder, 0o777)
    const port = await freePort()
    return new OwnPostgres(folder, port, await launch(folder, port))
  }

  get url(): string {
    return this.#server.url
  }

  /** SIGINT: ends all sessions, writes a checkpoint, and ends. */
  stop(): Promise<void> {
    return this.#server.stop()
  }

  /** SIGKILL: the next start has to recover from the log. */
  async crash(): Promise<void> {
    const { pid } = this.#server
    process.kill(pid, 'SIGKILL')
    await until('the server is gone', () => !isAlive(pid))
  }

  async restart(): Promise<void> {
    this.#server = await launch(this.#folder, this.#port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

const launch = (folder: string, port: number) =>
  startEmbeddedPostgres({ dataDir: join(folder, 'cluster'), port, settings: { shared_buffers: '64MB' } })

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
