import { randomUUID } from 'node:crypto'
import { uuidv7 } from '../../../packages/core/src/index.ts'
import { type Answer, call } from './api.ts'

/** One event of a session, and what it was answered each time it was sent. */
export interface HookSent {
  readonly requestId: string
  readonly sessionId: string
  readonly prompt: string
  readonly answers: (Answer | undefined)[]
}

/**
 * Sessions of a tool whose hooks are sent as the hook client does: one event after the other, each again under its id
 * until it is answered 200 or 202.
 */
export class HookSenders {
  readonly sent: HookSent[] = []
  readonly #ingestUrl: string
  readonly #running: Promise<unknown>
  #isStopping = false

  constructor(ingestUrl: string, sessions: number) {
    this.#ingestUrl = ingestUrl
    this.#running = Promise.all(Array.from({ length: sessions }, () => this.#run(randomUUID())))
  }

  /** Those that were answered 200 or 202. */
  get accepted(): HookSent[] {
    return this.sent.filter(({ answers }) => answers.some((answer) => isTaken(answer)))
  }

  /** How often a connection was lost before its answer came. */
  get cutOff(): number {
    return this.sent.flatMap(({ answers }) => answers).filter((answer) => answer === undefined).length
  }

  /** Begins nothing new; ends when every event has been accepted. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
  }

  async #run(sessionId: string): Promise<void> {
    for (let n = 0; !this.#isStopping; n++) {
      const event: HookSent = { requestId: uuidv7(), sessionId, prompt: `prompt ${n}`, answers: [] }
      this.sent.push(event)
      const body = { hook_event_name: 'UserPromptSubmit', session_id: sessionId, prompt: event.prompt }
      const headers = { 'x-request-id': event.requestId, 'x-captured-at': new Date().toISOString() }
      while (!isTaken(event.answers.at(-1))) {
        if (event.answers.length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
        event.answers.push(
          await call(`${this.#ingestUrl}/api/v1/hooks/claude-code`, body, headers).catch(() => undefined),
        )
      }
    }
  }
}

const isTaken = (answer: Answer | undefined): boolean => answer?.status === 200 || answer?.status === 202
