/** Ends when it is disposed of: `using`, or `unsubscribe()`. Doing so twice is harmless. */
export interface Subscription extends Disposable {
  unsubscribe(): void
}

/**
 * Typed listeners. Each event reaches all listeners before the next one does, also if a listener causes it. A
 * listener that throws keeps neither the others nor the sender from going on.
 */
export class Listeners<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()
  readonly #queue: (() => void)[] = []
  readonly #onError: (error: unknown) => void
  #isSending = false

  constructor(onError: (error: unknown) => void = warn) {
    this.#onError = onError
  }

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Subscription {
    // A wrapper, so that the same function may listen twice and stop once.
    const own = (event: Events[Name]) => listener(event)
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(own))
    const unsubscribe = () => void listeners.delete(own)
    return { unsubscribe, [Symbol.dispose]: unsubscribe }
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined || listeners.size === 0) return
    for (const listener of listeners as Set<(event: Events[Name]) => void>) {
      this.#queue.push(() => listener(event))
    }
    if (this.#isSending) return
    this.#isSending = true
    for (let send = this.#queue.shift(); send !== undefined; send = this.#queue.shift()) {
      try {
        send()
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#isSending = false
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}
