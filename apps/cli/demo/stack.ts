import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@posthorn/db/embedded'
import pg from 'pg'
import { placeCluster } from '../src/dev/cluster-place.ts'
import { Child, type LogLine } from './child.ts'
import type { Receiver } from './receiver.ts'
import { SHORT, serviceEnvironment } from './settings.ts'

/** A change of a circuit, as a worker logged it. */
export interface CircuitNote {
  readonly endpointId: string
  readonly epoch: number
  readonly from: string
  readonly to: string
  readonly at: number
}

/** PostgreSQL, one HTTP service and two workers, all of them processes of their own, on data that goes away. */
export class Stack {
  readonly circuitChanges = new Map<string, CircuitNote>()
  readonly workers: Child[] = []
  url = ''
  key = ''
  #starting: Promise<void> | undefined
  #isStopping = false
  #folder = ''
  #clusterFolder = ''
  #postgres: EmbeddedPostgres | undefined
  #ingest: Child | undefined
  #env: NodeJS.ProcessEnv = {}
  #pool: pg.Pool | undefined

  /** The demo's own look into the database. */
  get pool(): pg.Pool {
    if (!this.#pool) throw new Error('the database has not been started')
    return this.#pool
  }

  get postgresPid(): number {
    return this.#postgres?.pid ?? 0
  }

  get ingestPid(): number {
    return this.#ingest?.pid ?? 0
  }

  start(workers: number): Promise<void> {
    this.#starting = this.#start(workers)
    return this.#starting
  }

  async #start(workers: number): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'posthorn-demo-'))
    // PostgreSQL runs as another user when this is root, and must be able to enter.
    await chmod(this.#folder, 0o755)
    const place = await placeCluster(this.#folder)
    this.#clusterFolder = place.reason === undefined ? place.path : dirname(place.path)
    this.#postgres = await startEmbeddedPostgres({
      dataDir: place.path,
      password: randomBytes(24).toString('hex'),
    })
    this.#goOn()
    this.#pool = new pg.Pool({ connectionString: this.#postgres.url, max: 2 })
    this.#pool.on('error', () => undefined)
    const { env, key } = serviceEnvironment(this.#postgres.url)
    this.key = key
    this.#env = env
    const note = (line: LogLine) => this.#noteCircuit(line)
    this.#ingest = new Child('ingest', ['ingest'], { ...env, PORT: '0' }, note)
    this.url = await this.#ingest.ready()
    this.#goOn()
    for (let n = 1; n <= workers; n++) {
      this.workers.push(new Child(`worker ${n}`, ['worker'], { ...env, PORT: '0' }, note))
    }
    await Promise.all(this.workers.map((worker) => worker.ready()))
  }

  /** A folder below that of the demo, which goes away with it. */
  async folder(name: string): Promise<string> {
    const path = join(this.#folder, name)
    await mkdir(path, { recursive: true })
    return path
  }

  /** SIGKILL. */
  async killIngest(): Promise<void> {
    await this.#ingest?.kill()
  }

  /** Starts the HTTP service anew, on the port that it had. */
  async restartIngest(): Promise<void> {
    this.#goOn()
    const { port } = new URL(this.url)
    this.#ingest = new Child('ingest', ['ingest'], { ...this.#env, PORT: port }, (line) =>
      this.#noteCircuit(line),
    )
    await this.#ingest.ready()
  }

  /** Makes the endpoint of a receiver; tells its id. */
  async subscribe(receiver: Receiver): Promise<string> {
    const { eventTypes, endpoint, name } = receiver.spec
    const answer = await fetch(`${this.url}/api/v1/endpoints`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        url: receiver.url,
        eventTypes,
        description: name,
        retry: SHORT.retry,
        ...endpoint,
      }),
    })
    if (answer.status !== 201)
      throw new Error(`the endpoint was refused: ${answer.status} ${await answer.text()}`)
    const made = (await answer.json()) as { id: string; secret: string }
    receiver.secret = made.secret
    return made.id
  }

  /** Ends everything that was started and removes its data. May be called at any time, twice. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const stopChildren = () => Promise.all([this.#ingest, ...this.workers].map((child) => child?.stop()))
    await stopChildren()
    // What is starting at this moment must not be left behind.
    await this.#starting?.catch(() => undefined)
    await stopChildren()
    await this.#pool?.end().catch(() => undefined)
    this.#pool = undefined
    await this.#postgres?.stop()
    for (const folder of [this.#clusterFolder, this.#folder]) {
      if (folder !== '') await rm(folder, { recursive: true, force: true })
    }
  }

  /** For the last moment of this process, when nothing can be waited for. */
  killNow(): void {
    for (const child of [this.#ingest, ...this.workers]) child?.killNow()
  }

  #goOn(): void {
    if (this.#isStopping) throw new Error('the demo is stopping')
  }

  #noteCircuit(line: LogLine): void {
    if (line.msg !== 'circuit changed') return
    const { endpointId, epoch, from, to, at } = line as unknown as CircuitNote
    this.circuitChanges.set(`${endpointId}:${epoch}`, { endpointId, epoch, from, to, at })
  }
}
