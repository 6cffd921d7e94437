import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { parseStat, processTreeCpu } from './cpu.ts'

describe('parseStat', () => {
  it('reads past a command with blanks and parentheses', () => {
    const line = '42 (postgres: a) b) S 7 42 42 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0 5 6 7'
    expect(parseStat(line)).toEqual({ parent: 7, own: 33, ended: 77 })
  })
})

describe.runIf(process.platform === 'linux')('processTreeCpu', () => {
  it('counts children that have ended', () => {
    const before = processTreeCpu(process.pid)
    const burn = 'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);'
    spawnSync(process.execPath, ['-e', burn])
    expect(processTreeCpu(process.pid) - before).toBeGreaterThanOrEqual(280_000)
  })
})
