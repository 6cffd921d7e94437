import { type Answer, call } from './api.ts'

/** What became of one request. */
export interface Sent {
  readonly key: string
  /** undefined: the connection was lost, and nobody knows */
  readonly answer: Answer | undefined
}

export interface SendersOptions {
  readonly ingestUrl: string
  readonly type: string
  /** requests open at once */
  readonly width: number
  /** true: each request has an idempotency key, and is sent again until it is answered 202, and once more after that */
  readonly keyed?: boolean
}

/** Clients that publish one event after the other until they are told to stop, whatever happens at the other end. */
export class Senders {
  readonly sent: Sent[] = []
  readonly #options: SendersOptions
  readonly #running: Promise<unknown>
  #isStopping = false
  #next = 0

  constructor(options: SendersOptions) {
    this.#options = options
    this.#running = Promise.all(Array.from({ length: options.width }, () => this.#run()))
  }

  /** Those that were answered 202. */
  get accepted(): (Sent & { readonly answer: Answer })[] {
    return this.withStatus(202)
  }

  withStatus(...statuses: number[]): (Sent & { readonly answer: Answer })[] {
    return this.sent.filter(
      (one): one is Sent & { answer: Answer } =>
        one.answer !== undefined && statuses.includes(one.answer.status),
    )
  }

  /** Ids of the events that were accepted, as answered; one that was answered twice stands here twice. */
  get eventIds(): string[] {
    return this.accepted.map(({ answer }) => String(answer.body['id']))
  }

  /** Statuses and how often each was answered; 0: the connection was lost. */
  get statuses(): Record<number, number> {
    const counts: Record<number, number> = {}
    for (const { answer } of this.sent) counts[answer?.status ?? 0] = (counts[answer?.status ?? 0] ?? 0) + 1
    return counts
  }

  /** Begins nothing new; ends when every request has ended, with keys: has been accepted. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const key = `key-${this.#next++}`
      if (!this.#options.keyed) {
        await this.#send(key)
        continue
      }
      while (!(await this.#send(key)));
      await this.#send(key)
    }
  }

  /** Whether it was accepted. */
  async #send(key: string): Promise<boolean> {
    const { ingestUrl, type, keyed } = this.#options
    const headers = keyed ? { 'idempotency-key': key } : undefined
    const answer = await call(`${ingestUrl}/api/v1/events`, { type, payload: { key } }, headers).catch(
      () => undefined,
    )
    this.sent.push({ key, answer })
    // As a client should: what cannot be taken now is not sent again at once.
    if (answer?.status !== 202) await new Promise((resolve) => setTimeout(resolve, 20))
    return answer?.status === 202
  }
}
