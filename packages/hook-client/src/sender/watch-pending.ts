import { watch } from 'node:fs'
import { at, type Spool } from '../spool/layout.ts'

/**
 * Has the operating system tell when files come. Where it cannot, or misses some, the sender's own looks
 * find them a little later. Returns how to stop.
 */
export function watchPending(spool: Spool, onChange: () => void): () => void {
  try {
    const watcher = watch(at(spool, 'pending'), { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => {}
  }
}
