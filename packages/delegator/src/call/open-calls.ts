/** The calls that wait for each app. */
export class OpenCalls {
  readonly #max: number
  readonly #open = new Map<string, number>()

  /** @param max the most that may wait for one app */
  constructor(max: number) {
    this.#max = max
  }

  /** Takes a place; false when all are taken. Each place is to be given back by {@link leave}. */
  enter(appId: string): boolean {
    const count = this.#open.get(appId) ?? 0
    if (count >= this.#max) return false
    this.#open.set(appId, count + 1)
    return true
  }

  leave(appId: string): void {
    const count = (this.#open.get(appId) ?? 0) - 1
    if (count > 0) this.#open.set(appId, count)
    else this.#open.delete(appId)
  }
}
