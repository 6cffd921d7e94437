import { paint } from '../src/terminal/output.ts'

/** Where the run stands. */
export interface Standing {
  readonly published: number
  readonly total: number
  readonly delivered: number
  readonly owed: number
}

const BAR_WIDTH = 24
const LONGEST_LINE = 110
const PLAIN_EVERY_MS = 3_000

/** One line that is drawn again and again on a terminal; a plain line now and then elsewhere. */
export class Progress {
  readonly #isTerminal = process.stdout.isTTY === true
  readonly #startedAt = performance.now()
  readonly #signal: AbortSignal
  #drawn = ''
  #plainAt = 0

  /** @param signal when it aborts, nothing is drawn any more */
  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.end())
  }

  /** Something worth a line of its own. */
  say(text: string): void {
    if (this.#signal.aborted) return
    this.#clear()
    process.stdout.write(`${paint('dim', this.#time())}  ${text}\n`)
    if (this.#drawn !== '') process.stdout.write(this.#drawn)
  }

  show(standing: Standing): void {
    if (this.#signal.aborted) return
    if (this.#isTerminal) {
      this.#clear()
      // A line that wraps could not be taken away again.
      const room = process.stdout.columns > LONGEST_LINE ? `${bar(standing)}  ` : ''
      this.#drawn = `${paint('dim', this.#time())}  ${room}${counts(standing)}`
      process.stdout.write(this.#drawn)
    } else if (performance.now() - this.#plainAt >= PLAIN_EVERY_MS) {
      this.#plainAt = performance.now()
      process.stdout.write(`${this.#time()}  ${counts(standing)}\n`)
    }
  }

  /** The line is taken away. */
  end(): void {
    this.#clear()
    this.#drawn = ''
  }

  #clear(): void {
    if (this.#isTerminal && this.#drawn !== '') process.stdout.write('\r\x1b[2K')
  }

  #time(): string {
    return `${((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(5)} s`
  }
}

function bar({ delivered, total, owed }: Standing): string {
  const share = owed === 0 ? 0 : Math.min(1, delivered / Math.max(owed, total * 2))
  const full = Math.floor(share * BAR_WIDTH)
  return paint('green', '━'.repeat(full)) + paint('dim', '━'.repeat(BAR_WIDTH - full))
}

function counts({ published, total, delivered, owed }: Standing): string {
  const n = (value: number) => value.toLocaleString('en-US').replaceAll(',', ' ')
  return `${n(published)} of ${n(total)} events accepted, ${n(delivered)} of ${n(owed)} deliveries arrived`
}
