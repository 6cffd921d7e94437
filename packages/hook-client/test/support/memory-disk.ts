import { dirname } from 'node:path'
import type { Disk } from '../../src/spool/disk.ts'

interface MemoryFile {
  bytes: Buffer
  /** What survives a crash of the machine: the bytes of the last fsync. */
  syncedBytes: Buffer
  modifiedAt: number
  mode: number
}

/** One call that a disk was asked for, such as `rename`. */
export type DiskCall = keyof Disk

/** Decides, before each call, whether it fails: an error's code, or undefined. */
export type Fault = (call: DiskCall, path: string, count: number) => string | undefined

/** A disk in memory, on which any call can be made to fail and the machine to crash. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, MemoryFile>()
  readonly directories = new Set<string>(['/'])
  /** How many bytes one `write` takes. */
  writeAtMost = Number.POSITIVE_INFINITY
  fault: Fault = () => undefined
  /** Calls made so far. */
  calls = 0
  readonly #now: () => number
  readonly #open = new Map<number, MemoryFile>()
  #nextFd = 3

  constructor(now: () => number) {
    this.#now = now
  }

  makeDir(path: string): void {
    this.#enter('makeDir', path)
    for (let dir = path; dir !== '/'; dir = dirname(dir)) this.directories.add(dir)
  }

  list(dir: string): string[] {
    this.#enter('list', dir)
    if (!this.directories.has(dir)) throw failure('ENOENT', 'list', dir)
    const names = [...this.files.keys(), ...this.directories].filter(
      (path) => dirname(path) === dir && path !== dir,
    )
    return names.map((path) => path.slice(dir.length + 1))
  }

  create(path: string): number {
    this.#enter('create', path)
    if (!this.directories.has(dirname(path))) throw failure('ENOENT', 'create', path)
    if (this.files.has(path)) throw failure('EEXIST', 'create', path)
    const file = {
      bytes: Buffer.alloc(0),
      syncedBytes: Buffer.alloc(0),
      modifiedAt: this.#now(),
      mode: 0o600,
    }
    this.files.set(path, file)
    this.#open.set(this.#nextFd, file)
    return this.#nextFd++
  }

  write(fd: number, bytes: Uint8Array): number {
    this.#enter('write', '')
    const taken = bytes.subarray(0, this.writeAtMost)
    const file = this.#file(fd)
    file.bytes = Buffer.concat([file.bytes, taken])
    return taken.length
  }

  sync(fd: number): void {
    this.#enter('sync', '')
    const file = this.#file(fd)
    file.syncedBytes = file.bytes
  }

  close(fd: number): void {
    this.#enter('close', '')
    this.#open.delete(fd)
  }

  syncDir(dir: string): void {
    this.#enter('syncDir', dir)
  }

  read(path: string): string {
    this.#enter('read', path)
    return this.#at('read', path).bytes.toString()
  }

  rename(from: string, to: string): void {
    this.#enter('rename', from)
    if (this.directories.has(from)) {
      this.#renameDirectory(from, to)
      return
    }
    const file = this.#at('rename', from)
    if (!this.directories.has(dirname(to))) throw failure('ENOENT', 'rename', to)
    this.files.delete(from)
    this.files.set(to, file)
  }

  remove(path: string): void {
    this.#enter('remove', path)
    this.#at('remove', path)
    this.files.delete(path)
  }

  removeDir(path: string): void {
    this.#enter('removeDir', path)
    this.directories.delete(path)
  }

  info(path: string) {
    this.#enter('info', path)
    const file = this.files.get(path)
    if (file !== undefined)
      return { bytes: file.bytes.length, modifiedAt: file.modifiedAt, mode: file.mode, isLink: false }
    return this.directories.has(path) ? { bytes: 0, modifiedAt: 0, mode: 0o700, isLink: false } : undefined
  }

  touch(path: string, timeMs: number): void {
    this.#enter('touch', path)
    this.#at('touch', path).modifiedAt = timeMs
  }

  empty(path: string): void {
    this.#enter('empty', path)
    this.#at('empty', path).bytes = Buffer.alloc(0)
  }

  protect(path: string, mode: number): void {
    this.#enter('protect', path)
    this.#at('protect', path).mode = mode
  }

  /** Cuts the power: what was not synced is gone, open files are closed. */
  crash(): void {
    this.#open.clear()
    for (const file of this.files.values()) file.bytes = file.syncedBytes
  }

  #renameDirectory(from: string, to: string): void {
    if ([...this.files.keys()].some((path) => path.startsWith(`${to}/`)))
      throw failure('ENOTEMPTY', 'rename', to)
    for (const [path, file] of [...this.files]) {
      if (!path.startsWith(`${from}/`)) continue
      this.files.delete(path)
      this.files.set(to + path.slice(from.length), file)
    }
    this.directories.delete(from)
    this.directories.add(to)
  }

  #enter(call: DiskCall, path: string): void {
    this.calls += 1
    const code = this.fault(call, path, this.calls)
    if (code !== undefined) throw failure(code, call, path)
  }

  #at(call: string, path: string): MemoryFile {
    const file = this.files.get(path)
    if (file === undefined) throw failure('ENOENT', call, path)
    return file
  }

  #file(fd: number): MemoryFile {
    const file = this.#open.get(fd)
    if (file === undefined) throw failure('EBADF', 'write', String(fd))
    return file
  }
}

function failure(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path })
}
