import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { APPEND_FLAGS, assertPlain } from '../plain-file.ts'
import { makePrivateFolder } from '../private-folder.ts'
import { type RotationLimits, rotate } from './rotation.ts'

/** What is kept in memory for a log that cannot be written; beyond it, entries are lost and counted. */
const MAX_BUFFERED_BYTES = 1_048_576
/** So much is worth a write before its time has come. */
const EAGER_BYTES = 65_536
const NEWLINE = 0x0a

/**
 * One log file: lines are gathered in memory and appended with one write a batch, which `O_APPEND` keeps whole among
 * other processes. A file that cannot be written keeps its lines for the next try, as far as the bound allows.
 */
export class LogWriter {
  readonly #path: string
  readonly #limits: RotationLimits
  readonly #now: () => Date
  readonly #lossNote: (lost: number) => string
  #lines: string[] = []
  #bytes = 0
  /** The batch that is being written. */
  #underWay: Buffer | undefined
  #writing: Promise<void> | undefined
  /** The last write failed: the next one is left to the timer. */
  #failing = false
  /** Lines that found no place on disk or in memory, since the log last said so. */
  #lost = 0

  /** `lossNote` makes the line that says how many were lost. */
  constructor(path: string, limits: RotationLimits, now: () => Date, lossNote: (lost: number) => string) {
    this.#path = path
    this.#limits = limits
    this.#now = now
    this.#lossNote = lossNote
  }

  /** Takes a line; tells whether there is enough for a write now. */
  add(line: string): boolean {
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > MAX_BUFFERED_BYTES) {
      this.#lost += 1
      return false
    }
    this.#lines.push(line)
    this.#bytes += bytes
    return this.#bytes >= EAGER_BYTES && this.#writing === undefined && !this.#failing
  }

  /** Writes what is there. Never rejects. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing
    if (this.#lines.length === 0) return
    this.#writing = this.#write(this.#take())
    await this.#writing
  }

  async #write(batch: Buffer): Promise<void> {
    this.#underWay = batch
    let rest = batch
    try {
      await using file = await openToAppend(this.#path)
      assertPlain(await file.stat(), this.#path)
      while (rest.length > 0) rest = rest.subarray((await file.write(rest)).bytesWritten)
      if ((await file.stat()).size >= this.#limits.maxBytes) rotate(this.#path, this.#limits, this.#now())
      this.#failing = false
    } catch {
      this.#failing = true
      this.#putBack(batch, rest)
    } finally {
      this.#underWay = undefined
      this.#writing = undefined
    }
  }

  /** Writes what is there before it returns, for a process that ends. Never throws. */
  flushSync(): void {
    let rest: Buffer = Buffer.alloc(0)
    try {
      const file = openToAppendSync(this.#path, this.#underWay !== undefined || this.#lines.length > 0)
      if (file === undefined) return
      try {
        assertPlain(fstatSync(file), this.#path)
        const unsure = this.#underWay
        // A write that was begun may have reached the file, or may never: only the file can tell.
        const again = unsure !== undefined && !endsWith(this.#path, unsure) ? unsure : Buffer.alloc(0)
        rest = Buffer.concat([again, this.#take()])
        while (rest.length > 0) rest = rest.subarray(writeSync(file, rest))
      } finally {
        closeSync(file)
      }
    } catch {
      this.#putBack(rest, rest)
    }
  }

  #take(): Buffer {
    if (this.#lost > 0) this.#lines.push(this.#lossNote(this.#lost))
    this.#lost = 0
    const batch = Buffer.from(this.#lines.join(''))
    this.#lines = []
    this.#bytes = 0
    return batch
  }

  /** Keeps what was not written. A line of which only a part was written is given up, and ended in the file. */
  #putBack(batch: Buffer, rest: Buffer): void {
    if (rest.length === 0) return
    const torn = rest.length < batch.length && batch.at(batch.length - rest.length - 1) !== NEWLINE
    const whole = torn ? rest.subarray(rest.indexOf(NEWLINE)) : rest
    if (torn) this.#lost += 1
    const lines = whole.toString()
    this.#lines.unshift(lines)
    this.#bytes += whole.length
  }
}

async function openToAppend(path: string): Promise<FileHandle> {
  // Loaded at the first write of a process that stays: capture writes synchronously, and must start fast.
  const { open } = process.getBuiltinModule('node:fs/promises')
  try {
    return await open(path, APPEND_FLAGS, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    makePrivateFolder(dirname(path))
    return open(path, APPEND_FLAGS, 0o600)
  }
}

function openToAppendSync(path: string, needed: boolean): number | undefined {
  if (!needed) return undefined
  try {
    return openSync(path, APPEND_FLAGS, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    makePrivateFolder(dirname(path))
    return openSync(path, APPEND_FLAGS, 0o600)
  }
}

/** Whether a batch is among the last that was written to a file; others may have written after it. */
function endsWith(path: string, batch: Buffer): boolean {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const tail = Buffer.alloc(Math.min(size, batch.length + EAGER_BYTES))
    readSync(file, tail, 0, tail.length, size - tail.length)
    return tail.includes(batch)
  } finally {
    closeSync(file)
  }
}
