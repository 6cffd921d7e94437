import { freePort } from '../../../packages/db/src/embedded/index.ts'
import { generateEncryptionKey } from '../../../packages/db/src/index.ts'
import { KEY } from './api.ts'
import { type Observer, openObserver } from './observer.ts'
import { posthorn, Service } from './service.ts'

/** Settings of service processes, by the names of their environment. */
export type Settings = Readonly<Record<string, string>>

/**
 * Lease of a delivery in a stack: its timeout of a second and what is added to write its outcome. A killed worker's
 * deliveries come back after it.
 */
const SHORT_LEASE: Settings = { WEBHOOK_DELIVERY_TIMEOUT: '1000', SHUTDOWN_GRACE: '5000' }

/** Service processes on one database. They are killed, and what observed them closed, when it is disposed of. */
export class Stack implements AsyncDisposable {
  readonly observer: Observer
  readonly ingestUrl: string
  readonly #env: NodeJS.ProcessEnv
  readonly #ingestPort: number
  readonly #services: Service[] = []

  private constructor(databaseUrl: string, ingestPort: number, settings: Settings) {
    this.observer = openObserver(databaseUrl)
    this.#ingestPort = ingestPort
    this.ingestUrl = `http://127.0.0.1:${ingestPort}`
    const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env
    this.#env = {
      ...{
        PATH,
        HOME,
        TMPDIR,
        NODE_COMPILE_CACHE,
        NODE_ENV: 'production',
        LOG_LEVEL: 'info',
        HOST: '127.0.0.1',
      },
      DATABASE_URL: databaseUrl,
      POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
      POSTHORN_BOOTSTRAP_KEY: KEY,
      POSTHORN_ALLOWED_CIDRS: '127.0.0.0/8',
      ...SHORT_LEASE,
      ...settings,
    }
  }

  /** Nothing runs in it yet. `ingest` always listens at the same place, also after a restart. */
  static async open(databaseUrl: string, settings: Settings = {}): Promise<Stack> {
    return new Stack(databaseUrl, await freePort(), settings)
  }

  /** A running HTTP service. */
  async ingest(settings: Settings = {}): Promise<Service> {
    const service = this.#add(
      posthorn('ingest', { ...this.#env, PORT: String(this.#ingestPort), ...settings }),
    )
    await service.ready()
    return service
  }

  /** A running worker. */
  async worker(settings: Settings = {}): Promise<Service> {
    const service = this.#add(posthorn('worker', { ...this.#env, PORT: '0', ...settings }))
    await service.ready()
    return service
  }

  /** A script in the environment of the services, with the arguments of `node`; not waited for. */
  script(name: string, args: readonly string[], settings: Settings = {}): Service {
    return this.#add(new Service(name, args, { ...this.#env, ...settings }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#services.map((service) => service.kill()))
    await this.observer.close()
  }

  #add(service: Service): Service {
    this.#services.push(service)
    return service
  }
}
