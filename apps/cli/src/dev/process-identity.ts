import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** when it started, in whatever form the system tells; empty where it does not */
  readonly startedAt: string
}

/** Who this process is. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid) }
}

/** Whether that very process still runs. */
export function isRunning({ pid, startedAt }: ProcessIdentity): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // It is there, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const started = startOf(pid)
  return started !== 'zombie' && (started === '' || startedAt === '' || started === startedAt)
}

/** Linux: ticks since the machine was started. Elsewhere what `ps` says. */
function startOf(pid: number): string {
  try {
    // The name of the program stands in brackets and may hold anything; the fields are counted after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ')
    return fields[0] === 'Z' ? 'zombie' : `${bootId()} ${fields[19] ?? ''}`
  } catch {
    return process.platform === 'linux' || process.platform === 'win32' ? '' : startFromPs(pid)
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

function startFromPs(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim()
  } catch {
    return ''
  }
}
