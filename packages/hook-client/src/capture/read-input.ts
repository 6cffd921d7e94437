/** What is read: as much of a stream as is needed of one. */
export interface InputStream {
  on(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  on(event: 'end' | 'error', listener: () => void): unknown
  removeAllListeners(event: 'data'): unknown
  pause(): unknown
}

/** What came on stdin. */
export interface Input {
  text: string
  /** Bytes that came, which may be more than were kept. */
  receivedBytes: number
  /** `closed`: to its end. `complete`: a whole document, on a stdin that stays open. `deadline`: no more came in time. */
  end: 'closed' | 'complete' | 'deadline' | 'error'
}

/** How long is waited, and how much is kept. */
export interface InputLimits {
  /** Bytes beyond are read and thrown away, so that the tool can finish writing. */
  maxBytes: number
  /** Milliseconds of waiting without a byte, once some came. */
  idleMs: number
  /** Milliseconds of waiting altogether. */
  totalMs: number
}

export const INPUT_LIMITS: InputLimits = { maxBytes: 16 * 1024 * 1024, idleMs: 500, totalMs: 2_000 }

/** Up to this size it is looked at once whether a document is whole: closing stdin in Node costs more. */
const SMALL_BYTES = 128 * 1024
/** A larger one is looked at when nothing came for so long, so that each byte is read once and not often. */
const QUIET_MS = 5
/**
 * Waiting is counted in ticks, between which the stream is read. By the clock, a process that was not let
 * run for seconds, on a busy machine or one that slept, would give up on what lies ready for it.
 */
const TICK_MS = 50

/**
 * Reads one JSON document. Some tools never close a hook's stdin, so a whole document is enough, and
 * there are deadlines for one that does not come. As a stream and not with `readSync`: that fails with
 * EAGAIN on a pipe that does not block, and never returns on one that does. Never rejects.
 */
export function readInput(open: () => InputStream, limits: InputLimits = INPUT_LIMITS): Promise<Input> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let keptBytes = 0
    let receivedBytes = 0
    let stream: InputStream | undefined
    let quiet: NodeJS.Timeout | undefined
    let waitedMs = 0
    let idleMs = 0
    const textSoFar = () => Buffer.concat(chunks).toString('utf8')

    const finish = (end: Input['end']) => {
      clearTimeout(quiet)
      clearInterval(ticking)
      stream?.removeAllListeners('data')
      stream?.pause()
      resolve({ text: textSoFar(), receivedBytes, end })
    }
    const ticking = setInterval(() => {
      waitedMs += TICK_MS
      idleMs += TICK_MS
      const isIdle = receivedBytes > 0 && idleMs >= limits.idleMs
      if (isIdle || waitedMs >= limits.totalMs) finish('deadline')
    }, TICK_MS)
    const onData = (data: Buffer | string) => {
      const chunk = typeof data === 'string' ? Buffer.from(data) : data
      receivedBytes += chunk.length
      const kept = chunk.subarray(0, Math.max(0, limits.maxBytes - keptBytes))
      keptBytes += kept.length
      if (kept.length > 0) chunks.push(kept)
      clearTimeout(quiet)
      idleMs = 0
      if (!endsLikeObject(chunk)) return
      const finishIfWhole = () => {
        if (isWhole(textSoFar())) finish('complete')
      }
      if (receivedBytes <= SMALL_BYTES) finishIfWhole()
      else quiet = setTimeout(finishIfWhole, QUIET_MS)
    }
    try {
      stream = open()
      stream.on('error', () => finish('error'))
      stream.on('end', () => finish('closed'))
      stream.on('data', onData)
    } catch {
      finish('error')
    }
  })
}

const CLOSING_BRACE = 0x7d
const LAST_WHITE_SPACE = 0x20

function endsLikeObject(chunk: Buffer): boolean {
  let at = chunk.length - 1
  while (at > 0 && (chunk[at] ?? 0) <= LAST_WHITE_SPACE) at -= 1
  return chunk[at] === CLOSING_BRACE
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
