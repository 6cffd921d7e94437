import { afterEach } from 'vitest'
import {
  createDispatcher,
  createNetworkPolicy,
  type DispatcherOptions,
  type DispatchRequest,
  type WebhookDispatcher,
} from '../src/index.ts'
import type { Receiver } from './receivers.ts'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A policy under which the receivers of the tests, all on loopback, can be reached. */
export const loopback = createNetworkPolicy({ allowedCidrs: ['127.0.0.0/8'] })

/** A dispatcher that may send to loopback; closed after the test. */
export function localDispatcher(options: DispatcherOptions = {}): WebhookDispatcher {
  const dispatcher = createDispatcher({ networkPolicy: loopback, ...options })
  closers.push(() => dispatcher.close())
  return dispatcher
}

/** The receiver, closed after the test. */
export async function using(receiver: Promise<Receiver>): Promise<Receiver> {
  const started = await receiver
  closers.push(() => started.close())
  return started
}

/** A request with generous limits. */
export function post(url: string, more: Partial<DispatchRequest> = {}): DispatchRequest {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
    timeoutMs: 10_000,
    connectTimeoutMs: 5_000,
    responseLimitBytes: 4_096,
    ...more,
  }
}
