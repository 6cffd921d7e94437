import { type Output, printable } from './output.ts'

/** One line on standard error that is written over while work goes on; only where that is a terminal. */
export interface ProgressLine {
  show(text: string): void
  /** A line that stays. */
  lasting(text: string): void
  clear(): void
}

const ERASE = '\r\u001B[K'

/** A line of progress for a command; silent with `--json`. */
export function createProgressLine({ json, note }: Output): ProgressLine {
  const { stderr } = process
  const isShown = !json && stderr.isTTY === true
  const clear = () => {
    if (isShown) stderr.write(ERASE)
  }
  return {
    show(text) {
      if (isShown)
        stderr.write(`${ERASE}${printable(text).slice(0, Math.max(20, (stderr.columns ?? 80) - 1))}`)
    },
    lasting(text) {
      clear()
      if (!json) note(text)
    },
    clear,
  }
}
