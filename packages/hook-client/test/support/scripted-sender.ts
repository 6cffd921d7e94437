import type { EventSender, SendRequest } from '../../src/sender/send-event.ts'
import type { SendOutcome } from '../../src/sender/types.ts'
import type { SpooledEvent } from '../../src/spool/types.ts'
import type { FakeClock } from './fake-clock.ts'

/** What a server answers to an event. */
export type Script = (event: SpooledEvent, request: SendRequest) => SendOutcome

/** Sends nothing, and answers as a test wants. */
export class ScriptedSender implements EventSender {
  readonly requests: { event: SpooledEvent; request: SendRequest; at: number }[] = []
  script: Script
  readonly #clock: FakeClock

  constructor(clock: FakeClock, script: Script = () => taken) {
    this.#clock = clock
    this.script = script
  }

  send = async (event: SpooledEvent, request: SendRequest): Promise<SendOutcome> => {
    this.requests.push({ event, request, at: this.#clock.monotonic() })
    return this.script(event, request)
  }

  close(): void {}
}

export const taken: SendOutcome = { ok: true, status: 200, durationMs: 1, duplicate: false, response: {} }

/** A response with a status. */
export function answered(
  status: number,
  more: Partial<Extract<SendOutcome, { ok: false }>> = {},
): SendOutcome {
  const failure =
    status >= 500 ? 'http_5xx' : status === 429 ? 'http_429' : status === 408 ? 'http_408' : 'http_4xx'
  return {
    ok: false,
    failure,
    code: `http_${status}`,
    message: `HTTP ${status}`,
    durationMs: 1,
    status,
    ...more,
  }
}

export const refusedConnection: SendOutcome = {
  ...{ ok: false, failure: 'connection', code: 'ECONNREFUSED', message: 'nobody listens', durationMs: 1 },
}

export const timedOut: SendOutcome = {
  ...{ ok: false, failure: 'timeout', code: 'ETIMEDOUT', message: 'no answer', durationMs: 1 },
}
