import { tolerate } from './disk.ts'
import { at, type Spool, withDirectories } from './layout.ts'

/**
 * Writes a file so that it is there whole or not at all, also after a power cut: a temporary file, its
 * fsync, the rename, and the directory's fsync where the platform can. `target` is relative to the spool.
 * @throws what the disk throws; then there is nothing at `target` that was not there before.
 */
export function writeDurably(spool: Spool, temporary: string, target: readonly string[], text: string): void {
  const { disk } = spool
  const path = at(spool, 'tmp', temporary)
  const fd = withDirectories(spool, () => disk.create(path))
  try {
    try {
      const bytes = Buffer.from(text)
      for (let done = 0; done < bytes.length; ) done += disk.write(fd, bytes.subarray(done))
      disk.sync(fd)
    } finally {
      disk.close(fd)
    }
    disk.rename(path, at(spool, ...target))
  } catch (error) {
    tolerate(() => disk.remove(path))
    throw error
  }
  syncDirectory(spool, ...target.slice(0, -1))
}

/** Makes renames in a directory of the spool durable. Not every platform can, and then does without. */
export function syncDirectory(spool: Spool, ...parts: string[]): void {
  tolerate(() => spool.disk.syncDir(at(spool, ...parts)))
}
