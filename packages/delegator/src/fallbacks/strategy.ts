import type { z } from 'zod'
import type { CallReason } from '../call/fault.ts'

/** What a manifest may say of a fallback strategy. */
export interface FallbackGrammar {
  /** As in the manifest: lower-case words joined by `-`. `none` is taken. */
  readonly name: string
  /** The options beside `strategy`; without options of a manifest it is given `{}`. */
  readonly options: z.ZodObject
}

/** A call that the app did not answer, as a fallback sees it. */
export interface FallbackRequest {
  /** UUIDv7 of the call. */
  readonly callId: string
  readonly appId: string
  /** Undefined when the app's own record could not be read in time. */
  readonly endpointId: string | undefined
  readonly capability: string
  readonly payload: unknown
  /** The payload's JSON text. */
  readonly payloadText: string
  /** What the platform knows about the call; the app never sees it. */
  readonly context: Readonly<Record<string, unknown>>
  readonly reason: CallReason
  /** When the call began, epoch milliseconds. */
  readonly startedAtMs: number
  /** Milliseconds within which the strategy must have answered; then it is given up. */
  readonly budgetMs: number
  /** Fires when the strategy is given up. */
  readonly signal: AbortSignal
}

/** What a fallback answers in the app's place. */
export interface FallbackAnswer {
  readonly data: unknown
  /** In place of the strategy's name, when it had to answer with something else. */
  readonly source?: string
  /** How old the answer is, milliseconds. */
  readonly ageMs?: number
  /** What is needed to check the answer later, for the record of the call. Plain JSON. */
  readonly audit?: Readonly<Record<string, unknown>>
}

/** An answer of an app that was found to be right. */
export interface GoodAnswer {
  readonly appId: string
  readonly endpointId: string
  readonly capability: string
  readonly payloadText: string
  readonly data: unknown
  /** Epoch milliseconds. */
  readonly answeredAtMs: number
}

/** Answers in the place of an app that did not. */
export interface FallbackStrategy extends FallbackGrammar {
  /**
   * @param options as the grammar's schema gave them
   * @throws whatever goes wrong: the call then answers `null`, and an incident is recorded
   */
  run(
    request: FallbackRequest,
    options: Readonly<Record<string, unknown>>,
  ): FallbackAnswer | Promise<FallbackAnswer>
  /** Told of each good answer of a capability that has this strategy, after the caller was answered. */
  remember?(answer: GoodAnswer, options: Readonly<Record<string, unknown>>): void | Promise<void>
}
