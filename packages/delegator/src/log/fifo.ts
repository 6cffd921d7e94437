/** First in, first out; what was taken may be put back in front. Taking costs the same however much there is. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  /** Where the first one is; what was before it is gone. */
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  /** The one that has been here longest. */
  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    // Moving what is left as seldom as this costs nothing that grows with it.
    if (this.#head * 2 > this.#items.length) this.#tidy()
    return item
  }

  /** Puts these in front, in their order. */
  putBack(items: readonly T[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)]
    this.#head = 0
  }

  #tidy(): void {
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
