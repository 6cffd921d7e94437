import { BLOCKED_MESSAGE, MAX_URL_LENGTH, type NetworkPolicy } from '../network/network-policy.ts'
import { BLOCKED_TEXT, type FailureText } from './failure-text.ts'

/** Where a URL leads, or why it may not be used. */
export type Target =
  | { readonly origin: string; readonly path: string; readonly refusal?: undefined }
  | { readonly refusal: FailureText }

const MAX_TARGETS = 4_096

/** Parsed and checked URLs, since endpoints are few and requests many. */
export class TargetCache {
  readonly #policy: NetworkPolicy
  readonly #targets = new Map<string, Target>()

  constructor(policy: NetworkPolicy) {
    this.#policy = policy
  }

  get(url: string): Target {
    const known = this.#targets.get(url)
    if (known !== undefined) return known
    const target = this.#parse(url)
    if (url.length > MAX_URL_LENGTH) return target
    const oldest = this.#targets.size >= MAX_TARGETS ? this.#targets.keys().next() : undefined
    if (oldest?.done === false) this.#targets.delete(oldest.value)
    this.#targets.set(url, target)
    return target
  }

  #parse(text: string): Target {
    const checked = this.#policy.checkUrl(text)
    if (checked.ok)
      return { origin: checked.value.origin, path: checked.value.pathname + checked.value.search }
    const messages = checked.error.map(({ message }) => message)
    // Other mistakes are visible in the URL itself; what is behind an address is not for the sender to learn.
    if (messages.includes(BLOCKED_MESSAGE)) return { refusal: BLOCKED_TEXT }
    return { refusal: { errorCode: 'INVALID_URL', errorMessage: `The URL ${messages.join(', ')}` } }
  }
}
