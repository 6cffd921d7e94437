import { ValidationError } from '@posthorn/core'
import { STATIC } from '../fallbacks/static-answer.ts'
import type { FallbackAnswer, FallbackRequest } from '../fallbacks/strategy.ts'
import type { FallbackChoice } from '../manifest/capability.ts'
import { isPromiseLike, TIMED_OUT } from '../time/watch.ts'
import type { Call, CallEnd } from './call.ts'
import type { CallFault } from './fault.ts'

/**
 * Answers in the app's place by the chosen strategy, within what is left of the grace. A strategy that fails, that takes
 * too long or that there is not makes an incident, and the answer is `null`.
 *
 * @throws the reason of the caller's signal, as soon as it fires
 */
export async function fallBack(call: Call, fault: CallFault, choice: FallbackChoice): Promise<CallEnd> {
  const { strategy: name } = choice
  const end = { outcome: 'fallback', fault, fallback: name } as const
  try {
    const { data, source = name, ageMs, audit } = await runStrategy(call, fault, choice)
    return {
      ...end,
      source,
      data: data ?? null,
      ...(ageMs !== undefined && { ageMs }),
      ...(audit && { audit }),
    }
  } catch (error) {
    call.input.signal?.throwIfAborted()
    const why = error instanceof Error ? error.message : String(error)
    call.incident('fallback', new Error(`the fallback ${name} failed: ${why}`))
    // What is wrong with the call itself helps whoever makes it; anything else is the operator's business.
    const told = error instanceof ValidationError ? `: ${why}` : ''
    const message = `${fault.message}; the fallback ${name} failed as well${told}`
    return { ...end, fault: { ...fault, message }, source: STATIC, data: null }
  }
}

async function runStrategy(call: Call, fault: CallFault, choice: FallbackChoice): Promise<FallbackAnswer> {
  const strategy = call.parts.strategies.get(choice.strategy)
  if (strategy === undefined) throw new Error('there is no such strategy')
  const budgetMs = call.deadline.fallbackMs(call.elapsedMs)
  const controller = new AbortController()
  const onAbort = () => controller.abort(call.input.signal?.reason)
  call.input.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const running = strategy.run(requestOf(call, fault, budgetMs, controller.signal), choice.options)
    if (!isPromiseLike(running)) return running
    const answer = await call.watch.wait(running, budgetMs)
    if (answer === TIMED_OUT) throw new Error('it took too long')
    return answer
  } finally {
    call.input.signal?.removeEventListener('abort', onAbort)
    controller.abort(OVER)
  }
}

const OVER = new Error('the fallback is over')

function requestOf(
  call: Call,
  { reason }: CallFault,
  budgetMs: number,
  signal: AbortSignal,
): FallbackRequest {
  const { appId, capability, payload, payloadText, context } = call.input
  const { id: callId, endpointId, startedAtMs } = call
  return {
    callId,
    appId,
    endpointId,
    capability,
    payload,
    payloadText,
    context,
    reason,
    startedAtMs,
    budgetMs,
    signal,
  }
}
