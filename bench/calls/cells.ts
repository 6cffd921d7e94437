/** One way of calling. */
export interface Cell {
  readonly name: string
  /** The capability that is called; `open` has a circuit that is. */
  readonly capability: keyof typeof PATHS
  /** Milliseconds that each caller waits between two calls, on average. */
  readonly pauseMs: number
  /** Nothing is called for so long before, milliseconds; then each caller calls once. */
  readonly silenceMs?: number
}

/** Where the app has its capabilities: `/after/<milliseconds>` answers after so long. */
export const PATHS = {
  after_50_ms: '/after/50',
  after_20_ms: '/after/20',
  at_once: '/after/0',
  open: '/after/0',
} as const

const cell = (name: string, capability: Cell['capability'], pauseMs = 0): Cell => ({
  ...{ name, capability, pauseMs },
})

export const APP_50_MS = cell('app takes 50 ms', 'after_50_ms')
export const APP_20_MS = cell('app takes 20 ms', 'after_20_ms')
const APP_AT_ONCE = cell('app answers at once', 'at_once')
export const OPEN_CIRCUIT = cell('circuit open', 'open', 50)
export const OPEN_UNPAUSED = cell('circuit open, no pause', 'open')
/** The circuit's state is too old by then to decide anything: it is read again. */
export const OPEN_AFTER_SILENCE: Cell = { ...cell('circuit open, after 3 s', 'open'), silenceMs: 3_000 }

export const CELLS: readonly Cell[] = [
  ...[APP_50_MS, APP_20_MS, APP_AT_ONCE],
  ...[OPEN_CIRCUIT, OPEN_UNPAUSED, OPEN_AFTER_SILENCE],
]
