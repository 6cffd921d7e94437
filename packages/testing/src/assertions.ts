import { AssertionError } from 'node:assert'
import { describeEnd } from './received-request.ts'
import type { Receiver } from './receiver.ts'

/** How strict an assertion is. */
export interface DeliveredOptions {
  /** Also fails when an id was accepted more than once. */
  once?: boolean
  /** Also fails when other ids arrived. */
  only?: boolean
}

/** Mistakes that a message spells out; the rest is counted. */
const SHOWN = 20

/**
 * Asserts that each of these `webhook-id`s was delivered: arrived and was answered whole with a 2xx.
 * @throws AssertionError that names each id that is missing, and what happened to it instead.
 */
export function assertDelivered(
  receiver: Receiver,
  ids: Iterable<string>,
  { once = false, only = false }: DeliveredOptions = {},
): void {
  const expected = new Set(ids)
  const missing = [...expected].filter((id) => receiver.acceptedTimes(id) === 0)
  const repeated = once ? [...expected].filter((id) => receiver.acceptedTimes(id) > 1) : []
  const foreign = only ? receiver.ids().filter((id) => !expected.has(id)) : []
  if (missing.length + repeated.length + foreign.length === 0) return
  throw new AssertionError({
    message: [
      ...section(`${missing.length} of ${expected.size} were not delivered`, missing, (id) =>
        fate(receiver, id),
      ),
      ...section(`${repeated.length} were delivered more than once`, repeated, (id) => fate(receiver, id)),
      ...section(`${foreign.length} arrived that were not expected`, foreign, (id) => fate(receiver, id)),
    ].join('\n'),
    actual: { missing: missing.length, repeated: repeated.length, unexpected: foreign.length },
    expected: { missing: 0, repeated: 0, unexpected: 0 },
    operator: 'assertDelivered',
    stackStartFn: assertDelivered,
  })
}

/**
 * Waits until each of these `webhook-id`s was delivered, at most `timeoutMs` (10 000).
 * @throws AssertionError as {@link assertDelivered} when the time is over.
 */
export async function waitForDelivered(
  receiver: Receiver,
  ids: Iterable<string>,
  options: DeliveredOptions & { timeoutMs?: number } = {},
): Promise<void> {
  const pending = new Set(ids)
  const expected = [...pending]
  const isDone = () => {
    // Stops at the first that is missing, so that many arrivals do not look at many ids each.
    for (const id of pending) {
      if (receiver.acceptedTimes(id) === 0) return false
      pending.delete(id)
    }
    return true
  }
  const { timeoutMs } = options
  const waited = await receiver.waitFor(isDone, timeoutMs === undefined ? {} : { timeoutMs }).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  assertDelivered(receiver, expected, options)
  if (waited) throw waited.error
}

/**
 * Asserts that every request carried a right signature. The receiver must have a secret.
 * @throws AssertionError that names each request without one, and why it was refused.
 */
export function assertSigned(receiver: Receiver, path?: string): void {
  const requests = receiver.received(path)
  const wrong = requests.filter(({ verification }) => !verification?.ok)
  if (wrong.length === 0) return
  const why = section(`${wrong.length} of ${requests.length} requests are not signed`, wrong, (request) => {
    const { verification } = request
    const reason = verification?.ok === false ? verification.error.message : 'the receiver has no secret'
    return `#${request.number} ${request.path} ${request.id ?? '(no webhook-id)'}: ${reason}`
  })
  throw new AssertionError({ message: why.join('\n'), operator: 'assertSigned', stackStartFn: assertSigned })
}

function fate(receiver: Receiver, id: string): string {
  const requests = receiver.receivedWithId(id)
  if (requests.length === 0) return `${id}: never arrived`
  return `${id}: arrived ${requests.length} × (${requests.map(describeEnd).join(', ')})`
}

function section<T>(title: string, items: readonly T[], line: (item: T) => string): string[] {
  if (items.length === 0) return []
  const rest = items.length > SHOWN ? [`  … and ${items.length - SHOWN} more`] : []
  return [`${title}:`, ...items.slice(0, SHOWN).map((item) => `  ${line(item)}`), ...rest]
}
