import { temporaryName, tolerate, unlessGone } from './disk.ts'
import { writeDurably } from './durable-write.ts'
import { at, CAPTURE_ERROR_FILE, type Spool } from './layout.ts'
import type { LastError } from './types.ts'

/** Keeps the last failure of capturing, for `status`. As far as the disk allows. */
export function noteCaptureError(spool: Spool, error: LastError): void {
  tolerate(() =>
    writeDurably(spool, temporaryName('error'), [CAPTURE_ERROR_FILE], `${JSON.stringify(error)}\n`),
  )
}

/** The last failure of capturing. */
export function readCaptureError(spool: Spool): LastError | null {
  try {
    const text = unlessGone(() => spool.disk.read(at(spool, CAPTURE_ERROR_FILE)))
    return text === undefined ? null : (JSON.parse(text) as LastError)
  } catch {
    return null
  }
}
