import { setTimeout as wait } from 'node:timers/promises'
import { EVENT_TYPES } from './receivers.ts'
import { PACE } from './settings.ts'

/** An event that the service acknowledged. */
export interface AcceptedEvent {
  readonly id: string
  readonly type: string
  /** to how many endpoints it is owed */
  readonly deliveries: number
  /** when its acknowledgement came, `performance.now()` */
  readonly acceptedAt: number
}

interface Item {
  readonly type: string
  readonly requestId: string
  readonly payload: unknown
}

interface Answer {
  readonly id: string
  readonly deliveries: number
}

/** Publishes events over HTTP: single requests and batches at the same time, at an even pace. */
export class Publisher {
  readonly accepted: AcceptedEvent[] = []
  readonly refused: string[] = []
  readonly #target: { url: string; key: string }
  #made = 0

  constructor(target: { url: string; key: string }) {
    this.#target = target
  }

  /** @param onTick hears after each tick how many were acknowledged so far */
  async publish(total: number, onTick: (accepted: number) => Promise<void>): Promise<void> {
    const open = new Set<Promise<void>>()
    while (this.#made < total) {
      const tick = this.#tick(total).finally(() => open.delete(tick))
      open.add(tick)
      await wait(PACE.tickMs)
      if (open.size >= PACE.ticksAtOnce) await Promise.race(open)
      await onTick(this.accepted.length)
    }
    await Promise.all(open)
    await onTick(this.accepted.length)
  }

  async #tick(total: number): Promise<void> {
    const batch = this.#take(Math.min(PACE.batch, total - this.#made))
    const singles = this.#take(Math.min(PACE.singles, total - this.#made))
    await Promise.all([this.#sendBatch(batch), ...singles.map((item) => this.#sendOne(item))])
  }

  #take(count: number): Item[] {
    return Array.from({ length: count }, () => {
      const n = this.#made++
      const type = EVENT_TYPES[n % EVENT_TYPES.length] ?? EVENT_TYPES[0]
      return { type, requestId: `demo-${n}`, payload: { number: n, note: 'from the demo' } }
    })
  }

  async #sendOne(item: Item): Promise<void> {
    const { status, body } = await this.#post('/api/v1/events', item)
    if (status === 202) this.#keep(item, body as Answer)
    else this.refused.push(`${status} ${JSON.stringify(body)}`)
  }

  async #sendBatch(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return
    const { status, body } = await this.#post('/api/v1/events/batch', items)
    const { results = [] } = body as { results?: (Partial<Answer> & { index: number })[] }
    for (const [index, item] of items.entries()) {
      const result = results.find((each) => each.index === index)
      if (result?.id !== undefined && result.deliveries !== undefined) this.#keep(item, result as Answer)
      else this.refused.push(`${status} ${JSON.stringify(result ?? body)}`)
    }
  }

  #keep(item: Item, { id, deliveries }: Answer): void {
    this.accepted.push({ id, type: item.type, deliveries, acceptedAt: performance.now() })
  }

  async #post(path: string, value: unknown): Promise<{ status: number; body: unknown }> {
    try {
      const answer = await fetch(this.#target.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#target.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(value),
      })
      return { status: answer.status, body: await answer.json() }
    } catch (error) {
      return { status: 0, body: { error: String(error) } }
    }
  }
}
