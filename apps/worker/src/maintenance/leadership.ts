import type { ServiceConnection, ServicePool } from '@posthorn/engine/config'

/**
 * Says for each duty whether this process has it. Of any number of workers on one database one has it, for as long as it
 * and its connection live: a duty is an advisory lock of one session, and PostgreSQL gives it to the next who asks when
 * that session ends, however it ends.
 */
export class Leadership {
  readonly #pool: ServicePool
  readonly #held = new Set<number>()
  #connection: ServiceConnection | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** @param pool direct connections: behind a pooler in transaction mode a session is nobody's */
  constructor(pool: ServicePool) {
    this.#pool = pool
  }

  /**
   * Whether this process has the duty now; takes it if it is free.
   *
   * @throws what the database answers, or that it does not answer; the duties are given up then
   */
  has(duty: number): Promise<boolean> {
    // One question after the other: a connection answers one at a time.
    const answer = this.#turn.then(() => this.#ask(duty))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  /** Gives all duties up. */
  async close(): Promise<void> {
    await this.#turn
    this.#drop()
  }

  async #ask(duty: number): Promise<boolean> {
    const connection = this.#connection ?? (await this.#connect())
    try {
      if (this.#held.has(duty)) {
        // Still there, or is this a connection whose other end went away without a word?
        await connection.query('select 1')
        return this.#held.has(duty)
      }
      const { rows } = await connection.query<{ taken: boolean }>(
        'select pg_try_advisory_lock($1) as taken',
        [duty],
      )
      if (rows[0]?.taken) this.#held.add(duty)
      return this.#held.has(duty)
    } catch (error) {
      this.#drop()
      throw error
    }
  }

  async #connect(): Promise<ServiceConnection> {
    const connection = await this.#pool.connect()
    connection.on('error', () => {
      if (this.#connection === connection) this.#drop()
    })
    this.#connection = connection
    return connection
  }

  #drop(): void {
    this.#held.clear()
    // Destroyed and not put back: a session that went on would keep its locks.
    this.#connection?.release(true)
    this.#connection = undefined
  }
}
