import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The fields of /proc/<pid>/stat that say whose child a process is and what it has used, in clock ticks. */
export interface ProcessStat {
  parent: number
  own: number
  /** Of children that have ended and were waited for. */
  ended: number
}

/** Parses a line of /proc/<pid>/stat (proc(5)). The command, in parentheses, may itself hold blanks. */
export function parseStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const at = (index: number) => Number(fields[index])
  return { parent: at(1), own: at(11) + at(12), ended: at(13) + at(14) }
}

const isLinux = process.platform === 'linux'
const tickMicroseconds = isLinux
  ? 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  : 0

/** CPU microseconds that a process and its children (also those that have ended) have used so far; NaN elsewhere than on Linux. */
export function processTreeCpu(pid: number): number {
  if (!isLinux) return Number.NaN
  const stats = new Map<number, ProcessStat>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const line = readStat(Number(entry))
    if (line !== undefined) stats.set(Number(entry), parseStat(line))
  }
  const tree = (root: number): number => {
    const stat = stats.get(root)
    if (stat === undefined) return 0
    let ticks = stat.own + stat.ended
    for (const [child, { parent }] of stats) if (parent === root) ticks += tree(child)
    return ticks
  }
  return tree(pid) * tickMicroseconds
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined // It ended between the listing and the reading.
  }
}
