import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** What lies at a path is no plain file, or a larger one than belongs there. */
export class UnfitFileError extends Error {
  readonly code = 'EFTYPE'
}

/** What opening says of a link that must not be followed, and of a socket or a pipe without its other end. */
const UNFIT: ReadonlySet<string | undefined> = new Set(['ELOOP', 'EMLINK', 'ENXIO'])

/**
 * Flags with which opening waits for nobody, as it does for a pipe's other end. Windows has neither and its `undefined`
 * counts as zero.
 */
const AT_ONCE = constants.O_NONBLOCK
const NO_LINK = constants.O_NOFOLLOW

/** Flags to read a plain file that others may have put there. Look at what was opened: {@link assertPlain}. */
export const READ_FLAGS = constants.O_RDONLY | AT_ONCE | NO_LINK

/** Flags to append to a plain file, which is made when it is not there. Look at what was opened: {@link assertPlain}. */
export const APPEND_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | AT_ONCE | NO_LINK

/** @throws {UnfitFileError} when what was opened is a pipe, a device or a directory. */
export function assertPlain(stat: { isFile(): boolean }, path: string): void {
  if (!stat.isFile()) throw new UnfitFileError(`'${path}' is not a plain file`)
}

/**
 * The text of a plain file. Never waits, as reading a pipe would, and never reads without end, as from a device.
 * @param links `follow` where the path is the user's own choice; `refuse` where others may have put the link there
 * @throws {UnfitFileError} and what `node:fs` throws, such as ENOENT
 */
export function readPlainFile(path: string, maxBytes: number, links: 'follow' | 'refuse'): string {
  const file = open(path, links === 'refuse' ? READ_FLAGS : constants.O_RDONLY | AT_ONCE)
  try {
    const stat = fstatSync(file)
    assertPlain(stat, path)
    if (stat.size > maxBytes) throw new UnfitFileError(`'${path}' has more than ${maxBytes} bytes`)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function open(path: string, flags: number): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    if (!UNFIT.has((error as NodeJS.ErrnoException).code)) throw error
    throw new UnfitFileError(`'${path}' is not a plain file`, { cause: error })
  }
}
