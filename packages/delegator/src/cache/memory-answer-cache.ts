import { type Clock, systemClock } from '@posthorn/core'
import type { AnswerCache, CachedAnswer } from './answer-cache.ts'

/** Options of a {@link MemoryAnswerCache}. */
export interface MemoryAnswerCacheOptions {
  /** Characters of JSON and keys that are kept together. Default 33 554 432. */
  readonly maxCharacters?: number
  readonly clock?: Pick<Clock, 'now'>
}

interface Entry extends CachedAnswer {
  readonly expiresAtMs: number
}

/** Answers in this process; the one not used for longest gives way. */
export class MemoryAnswerCache implements AnswerCache {
  readonly #entries = new Map<string, Entry>()
  readonly #max: number
  readonly #clock: Pick<Clock, 'now'>
  #characters = 0

  constructor(options: MemoryAnswerCacheOptions = {}) {
    this.#max = options.maxCharacters ?? 2 ** 25
    this.#clock = options.clock ?? systemClock
  }

  async get(key: string): Promise<CachedAnswer | undefined> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#delete(key, entry)
    if (entry.expiresAtMs <= this.#clock.now()) return undefined
    this.#insert(key, entry)
    return entry
  }

  async set(key: string, answer: CachedAnswer, keepMs: number): Promise<void> {
    const known = this.#entries.get(key)
    if (known !== undefined) this.#delete(key, known)
    this.#insert(key, { ...answer, expiresAtMs: this.#clock.now() + keepMs })
    for (const [oldest, entry] of this.#entries) {
      if (this.#characters <= this.#max) break
      this.#delete(oldest, entry)
    }
  }

  #insert(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#characters += key.length + entry.json.length
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#characters -= key.length + entry.json.length
  }
}
