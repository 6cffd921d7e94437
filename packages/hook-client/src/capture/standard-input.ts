import { existsSync } from 'node:fs'
import { DescriptorInput } from './descriptor-input.ts'
import type { InputStream } from './read-input.ts'

const STDIN = 0

/** Programs that end at once with 0, where Linux and macOS have them. */
const ENDING_PROGRAMS = ['/bin/true', '/usr/bin/true']

/** The standard input of this process, and a way to end the process that does not wait for it. */
export class StandardInput {
  readonly #endingProgram = endingProgram()
  #input: DescriptorInput | undefined

  /** Opens it, as `process.stdin` where the process could not leave a thread behind that reads. */
  open(): InputStream {
    if (this.#endingProgram === undefined) return process.stdin
    this.#input = new DescriptorInput(STDIN, () => process.stdin)
    return this.#input
  }

  /**
   * Ends the process with 0. To exit is to wait for a thread that reads, forever where nobody writes or closes the
   * other end. Becoming another program ends all threads, and that program ends at once.
   * @param last is done before the process becomes another one, for what waits for its `exit` event
   */
  endProcess(last: () => void): never {
    if (this.#input?.isReading && this.#endingProgram !== undefined) {
      last()
      process.execve?.(this.#endingProgram, [this.#endingProgram], {})
    }
    process.exit(0)
  }
}

/**
 * What this process can become, so as not to wait for a thread. Windows has no way to, the first releases of Node 23 have
 * none, and Node's permission model forbids it.
 */
function endingProgram(): string | undefined {
  if (process.platform === 'win32' || typeof process.execve !== 'function') return undefined
  if (process.permission !== undefined) return undefined
  return ENDING_PROGRAMS.find((path) => existsSync(path))
}
