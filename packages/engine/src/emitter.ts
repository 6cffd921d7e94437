import { channel } from 'node:diagnostics_channel'
import type { Logger, PosthornEvents } from './types.ts'

type Listener<Name extends keyof PosthornEvents> = (event: PosthornEvents[Name]) => unknown

/** Announces what happened to listeners of this process and on `diagnostics_channel` as `posthorn:<name>`. */
export class Emitter {
  readonly #listeners = new Map<keyof PosthornEvents, Set<Listener<never>>>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  on<Name extends keyof PosthornEvents>(name: Name, listener: Listener<Name>): Disposable {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener as Listener<never>)
    return { [Symbol.dispose]: () => void listeners.delete(listener as Listener<never>) }
  }

  /** Whether anybody would hear of it: who would have to make much of an event for nobody need not. */
  isHeard(name: keyof PosthornEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0 || channel(`posthorn:${name}`).hasSubscribers
  }

  /** A listener that throws, or whose promise is rejected, is logged: it must not stop a worker. */
  emit<Name extends keyof PosthornEvents>(name: Name, event: PosthornEvents[Name]): void {
    const diagnostics = channel(`posthorn:${name}`)
    if (diagnostics.hasSubscribers) diagnostics.publish(event)
    const failed = (err: unknown) => this.#logger.error({ err, event: name }, 'a listener threw')
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        const answer = (listener as Listener<Name>)(event)
        if (answer instanceof Promise) answer.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }
}
