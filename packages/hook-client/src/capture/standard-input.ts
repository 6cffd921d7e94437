import { existsSync } from 'node:fs'
import { DescriptorInput } from './descriptor-input.ts'
import type { InputStream } from './read-input.ts'

const STDIN = 0

/** The standard input of this process, and a way to end the process that does not wait for it. */
export class StandardInput {
  #input: DescriptorInput | undefined

  /** Opens it, as `process.stdin` where the process could not leave a thread behind that reads. */
  open(): InputStream {
    if (!canLeaveThreads()) return process.stdin
    this.#input = new DescriptorInput(STDIN, () => process.stdin)
    return this.#input
  }

  /**
   * Ends the process with 0. To exit is to wait for a thread that reads, forever where nobody writes or closes the
   * other end. Becoming another program ends all threads, and that program ends at once.
   * @param last is done before the process becomes another one, for what waits for its `exit` event
   */
  endProcess(last: () => void): never {
    const { execPath, env } = process
    if (this.#input?.isReading && existsSync(execPath)) {
      last()
      process.execve?.(execPath, [execPath, '-e', '0'], { ...env, NODE_OPTIONS: '' } as NodeJS.ProcessEnv)
    }
    process.exit(0)
  }
}

/** Windows has no way to, and the first releases of Node 23 have none. */
function canLeaveThreads(): boolean {
  return process.platform !== 'win32' && typeof process.execve === 'function'
}
