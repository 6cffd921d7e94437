/** Something that can be given up. */
export interface Abortable {
  onAbort(): void
}

/**
 * Lets any number of requests share an AbortSignal with one listener on it: with a listener each, removing one takes
 * time in proportion to the others, and hundreds on one signal raise a warning.
 */
export class AbortHub {
  readonly #listeners = new Map<AbortSignal, { members: Set<Abortable>; listener: () => void }>()

  /** Calls `onAbort` once when the signal aborts, until {@link remove}. */
  add(signal: AbortSignal, member: Abortable): void {
    const known = this.#listeners.get(signal)
    if (known !== undefined) {
      known.members.add(member)
      return
    }
    const members = new Set([member])
    const listener = () => {
      this.#listeners.delete(signal)
      for (const one of [...members]) one.onAbort()
    }
    this.#listeners.set(signal, { members, listener })
    signal.addEventListener('abort', listener, { once: true })
  }

  remove(signal: AbortSignal, member: Abortable): void {
    const known = this.#listeners.get(signal)
    if (known === undefined) return
    known.members.delete(member)
    if (known.members.size > 0) return
    this.#listeners.delete(signal)
    signal.removeEventListener('abort', known.listener)
  }
}
