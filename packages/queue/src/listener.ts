import { Socket } from 'node:net'
import pg from 'pg'
import { inTime } from './in-time.ts'

export interface ListenerOptions {
  /** A direct connection, not one through a transaction pooler. It or `connection` is needed for `listen`. */
  connectionString?: string
  /** The same, in parts. */
  connection?: pg.ClientConfig
  /** Channel of `LISTEN`. Needed for `listen`. */
  channel?: string
  /** Something may be due. Called for one wake at a time; wakes during a call are answered by one more call. */
  onWake: () => void | Promise<void>
  /** Longest time between two wakes, whatever the notifications do. 250 */
  pollMs?: number
  /** `poll`: no connection is opened. `listen` */
  mode?: 'listen' | 'poll'
  /** Time between two checks that the connection still answers. 10 000 */
  checkMs?: number
  /** Time it has for the answer. 5 000 */
  checkTimeoutMs?: number
  /** What went wrong on the connection or in `onWake`. Polling goes on. */
  onError?: (error: unknown) => void
}

interface Connection {
  client: pg.Client
  /** Cuts the line; `end()` would wait for an answer from a peer that is gone. */
  destroy: () => void
}

/**
 * Wakes a worker: on a notification at once, and at least each `pollMs`. The poll is the truth, notifications
 * only make it faster; so a lost one, a half-open connection or a server restart cost at most a poll interval.
 */
export class Listener {
  readonly #options: ListenerOptions
  #connection: Connection | undefined
  #pollTimer: NodeJS.Timeout | undefined
  #lineTimer: NodeJS.Timeout | undefined
  #waking: Promise<void> | undefined
  #isWanted = false
  #state: 'new' | 'running' | 'closed' = 'new'
  #failures = 0

  constructor(options: ListenerOptions) {
    const { mode, connectionString, connection, channel } = options
    const canListen = channel !== undefined && (connectionString !== undefined || connection !== undefined)
    if (mode !== 'poll' && !canListen) {
      throw new TypeError('a listener needs a connectionString and a channel, or mode: "poll"')
    }
    this.#options = options
  }

  /** True while notifications come in. */
  get isListening(): boolean {
    return this.#connection !== undefined
  }

  /** Begins to wake. Ends when the first attempt to listen succeeded or failed; polling has begun either way. */
  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.wake()
    if (this.#options.mode !== 'poll') await this.#connect()
  }

  /** Wakes now; a wake during `onWake` leads to one more call of it. */
  wake(): void {
    if (this.#state !== 'running') return
    this.#isWanted = true
    this.#waking ??= this.#run().finally(() => {
      this.#waking = undefined
    })
  }

  /** Stops waking, and waits for an `onWake` that is under way. */
  async close(): Promise<void> {
    this.#state = 'closed'
    clearTimeout(this.#pollTimer)
    clearTimeout(this.#lineTimer)
    this.#dropConnection()
    await this.#waking
  }

  async #run(): Promise<void> {
    clearTimeout(this.#pollTimer)
    while (this.#isWanted && this.#state === 'running') {
      this.#isWanted = false
      try {
        await this.#options.onWake()
      } catch (error) {
        this.#options.onError?.(error)
      }
    }
    if (this.#state === 'running') {
      this.#pollTimer = setTimeout(() => this.wake(), this.#options.pollMs ?? 250)
    }
  }

  async #connect(): Promise<void> {
    let socket: Socket | undefined
    const client = new pg.Client({
      ...this.#options.connection,
      ...(this.#options.connectionString === undefined
        ? {}
        : { connectionString: this.#options.connectionString }),
      connectionTimeoutMillis: this.#options.checkTimeoutMs ?? 5000,
      keepAlive: true,
      stream: () => {
        socket = new Socket()
        return socket
      },
    })
    const connection = { client, destroy: () => void socket?.destroy() }
    client.on('error', (error) => this.#lost(connection, error))
    client.on('end', () => this.#lost(connection, new Error('the listening connection ended')))
    client.on('notification', () => this.wake())
    try {
      await client.connect()
      await this.#inTime(client.query(`listen ${client.escapeIdentifier(this.#options.channel ?? '')}`))
    } catch (error) {
      connection.destroy()
      this.#options.onError?.(error)
      this.#reconnectSoon()
      return
    }
    if (this.#state !== 'running') return connection.destroy()
    this.#connection = connection
    this.#failures = 0
    this.#checkSoon(connection)
    // What was notified while nobody listened.
    this.wake()
  }

  #checkSoon(connection: Connection): void {
    clearTimeout(this.#lineTimer)
    this.#lineTimer = setTimeout(() => void this.#check(connection), this.#options.checkMs ?? 10_000)
  }

  /** Asks the server whether it still listens for us: a half-open line gives no answer and no error. */
  async #check(connection: Connection): Promise<void> {
    try {
      const { rows } = await this.#inTime(
        connection.client.query<{ listens: boolean }>(
          'select $1 = any (array(select pg_listening_channels())) as listens',
          [this.#options.channel],
        ),
      )
      if (!rows[0]?.listens) throw new Error('the server no longer listens for this connection')
      if (this.#connection === connection) this.#checkSoon(connection)
    } catch (error) {
      this.#lost(connection, error)
    }
  }

  #lost(connection: Connection, error: unknown): void {
    if (this.#connection !== connection) return
    this.#dropConnection()
    if (this.#state !== 'running') return
    this.#options.onError?.(error)
    this.#reconnectSoon()
  }

  #dropConnection(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.destroy()
  }

  #reconnectSoon(): void {
    if (this.#state !== 'running') return
    const delayMs = Math.min(10_000, 100 * 2 ** this.#failures) * (0.5 + Math.random() / 2)
    this.#failures += 1
    clearTimeout(this.#lineTimer)
    this.#lineTimer = setTimeout(() => void this.#connect(), delayMs)
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return inTime(answer, this.#options.checkTimeoutMs ?? 5000, 'the listening connection does not answer')
  }
}
