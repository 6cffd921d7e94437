let isMuted = false

/** Nothing more is written: what fails while everything is being closed is of no interest. */
export function muteProgress(): void {
  isMuted = true
}

/** Writes one line of progress to stderr; stdout is kept for the report. */
export function progress(text: string): void {
  if (isMuted) return
  process.stderr.write(`[${(performance.now() / 1000).toFixed(0).padStart(4)} s] ${text.split('\n', 1)[0]}\n`)
}
