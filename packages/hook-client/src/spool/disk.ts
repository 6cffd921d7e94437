import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { READ_FLAGS, readPlainFile } from '../plain-file.ts'
import { makePrivateFolder } from '../private-folder.ts'

/** What a spool needs of a file. */
export interface FileInfo {
  bytes: number
  /** Epoch milliseconds. */
  modifiedAt: number
  /** Permission bits, such as 0o600. */
  mode: number
  /** Whether it is a symbolic link; all else is what it leads to. */
  isLink: boolean
}

/**
 * The calls that a spool makes to the disk: one method, one system call, so that a test can make each of
 * them fail. All are synchronous, and throw what `node:fs` throws.
 */
export interface Disk {
  makeDir(path: string): void
  list(dir: string): string[]
  /** Opens for writing; fails with EEXIST when there is such a file. Mode 0600. */
  create(path: string): number
  /** Returns how many bytes were written, which may be fewer. */
  write(fd: number, bytes: Uint8Array): number
  sync(fd: number): void
  close(fd: number): void
  /** Makes renames in this directory durable, where the platform can. */
  syncDir(dir: string): void
  /** Throws an `UnfitFileError` for a link, a pipe, a device, and what is too large to be a spool's. */
  read(path: string): string
  /** A directory does not take the place of one with something in it. */
  rename(from: string, to: string): void
  remove(path: string): void
  /** Removes an empty directory. */
  removeDir(path: string): void
  /** Undefined when there is no such file. */
  info(path: string): FileInfo | undefined
  /** Sets the time of modification. */
  touch(path: string, timeMs: number): void
  /** Cuts a file to nothing. */
  empty(path: string): void
  /** Gives a file or directory back to its owner alone; not what a link leads to, unless the path ends with a slash. */
  protect(path: string, mode: number): void
}

/** More than the largest event has, each of its characters escaped. */
const LARGEST_FILE_BYTES = 256 * 1024 * 1024

/** The disk of this machine. */
export const systemDisk: Disk = {
  makeDir: makePrivateFolder,
  list: (dir) => readdirSync(dir),
  create: (path) => openSync(path, 'wx', 0o600),
  write: (fd, bytes) => writeSync(fd, bytes),
  sync: (fd) => syncIfAllowed(fd),
  close: (fd) => closeSync(fd),
  syncDir: (dir) => {
    const fd = openSync(dir, 'r')
    try {
      syncIfAllowed(fd)
    } finally {
      closeSync(fd)
    }
  },
  read: (path) => readPlainFile(path, LARGEST_FILE_BYTES, 'refuse'),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => unlinkSync(path),
  removeDir: (path) => rmdirSync(path),
  info: (path) => {
    const own = lstatSync(path, { throwIfNoEntry: false })
    const isLink = own?.isSymbolicLink() ?? false
    const found = isLink ? statSync(path, { throwIfNoEntry: false }) : own
    return found && { bytes: found.size, modifiedAt: found.mtimeMs, mode: found.mode & 0o777, isLink }
  },
  touch: (path, timeMs) => utimesSync(path, timeMs / 1000, timeMs / 1000),
  empty: (path) => truncateSync(path, 0),
  protect: (path, mode) => {
    const fd = openSync(path, READ_FLAGS)
    try {
      fchmodSync(fd, mode)
    } finally {
      closeSync(fd)
    }
  },
}

let temporaries = 0

/** A name for what is being written, which no other writer has, of this process or another. */
export function temporaryName(what: string): string {
  temporaries += 1
  return `${what}.${process.pid}.${Math.round(performance.timeOrigin + performance.now())}.${temporaries}`
}

/** Node's permission model, which may be on by `NODE_OPTIONS`, allows files and not this: unsynced is better than lost. */
function syncIfAllowed(fd: number): void {
  try {
    fsyncSync(fd)
  } catch (error) {
    if (errorCode(error) !== 'ERR_ACCESS_DENIED') throw error
  }
}

/** Does what may fail without consequence. */
export function tolerate(work: () => void): void {
  try {
    work()
  } catch {
    // Nothing depends on it.
  }
}

/** The code of a system call's error, such as `ENOENT`; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}

/** The result of `work`, or undefined when what it works on is not there: somebody else was faster. */
export function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    const code = errorCode(error)
    // A path through a file leads to nothing, either.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
