import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder, and those above it that are missing, for their user alone. Not `mkdir` with `recursive`: where a folder
 * exists in which none can be made (`/proc`), that never returns.
 *
 * @throws what the system says
 */
export function makePrivateFolder(path: string): void {
  const code = tryToMake(path)
  if (code === undefined) return
  if (code === 'ENOENT' && dirname(path) !== path) {
    makePrivateFolder(dirname(path))
    if (tryToMake(path) === undefined) return
  }
  // Somebody else may have made it; otherwise this says what is wrong.
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) mkdirSync(path, { mode: 0o700 })
}

/** What was wrong, or undefined. */
function tryToMake(path: string): string | undefined {
  try {
    mkdirSync(path, { mode: 0o700 })
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO'
  }
}
