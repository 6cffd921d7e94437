import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { summarise, summaryLine, type TestReport } from './summarise-tests.ts'

function report(...files: { status?: string; tests: string[] }[]): TestReport {
  const testResults = files.map(({ status, tests }, i) => ({
    name: `file${i}.test.ts`,
    status: status ?? (tests.includes('failed') ? 'failed' : 'passed'),
    assertionResults: tests.map((status) => ({ status })),
  }))
  return { success: testResults.every(({ status }) => status === 'passed'), testResults }
}

describe('summarise', () => {
  it('adds up the files', () => {
    const summary = summarise(report({ tests: ['passed', 'passed'] }, { tests: ['passed', 'failed'] }), 1)
    expect(summaryLine(summary)).toBe('3 passed, 1 failed')
  })

  it('names skipped tests only where there are some', () => {
    expect(summaryLine(summarise(report({ tests: ['passed', 'skipped', 'todo', 'pending'] })))).toBe(
      '1 passed, 0 failed, 3 skipped',
    )
    expect(summaryLine(summarise(report({ tests: ['passed'] })))).toBe('1 passed, 0 failed')
  })

  it('counts a file that could not be loaded as a failure', () => {
    const summary = summarise(report({ tests: ['passed'] }, { status: 'failed', tests: [] }), 1)
    expect(summaryLine(summary)).toBe('1 passed, 1 failed')
    expect(summary.broken).toEqual(['file1.test.ts could not be run'])
  })

  it('counts an error outside of every test as a failure', () => {
    expect(summarise(report({ tests: ['passed'] }), 1).failed).toBe(1)
    expect(summarise({ ...report({ tests: ['passed'] }), success: false }).failed).toBe(1)
  })

  it('says so when no test ran', () => {
    expect(summarise(report()).broken).toEqual(['no test ran'])
    expect(summarise(report({ tests: ['skipped'] })).broken).toEqual(['no test ran'])
  })
})

describe('the command', () => {
  const script = join(import.meta.dirname, 'summarise-tests.ts')
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'summary-'))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  it('prints the line alone on standard output', () => {
    const file = join(directory, 'good.json')
    writeFileSync(file, JSON.stringify(report({ tests: ['passed', 'passed'] })))
    expect(execFileSync(process.execPath, [script, file, '0'], { encoding: 'utf8' })).toBe(
      '2 passed, 0 failed\n',
    )
  })

  it.each([
    ['a failed test', JSON.stringify(report({ tests: ['passed', 'failed'] })), '1 passed, 1 failed\n'],
    ['no tests', JSON.stringify(report()), '0 passed, 0 failed\n'],
    ['half a report', '{ "testResults": [', '0 passed, 1 failed\n'],
  ])('exits with 1 for %s', (name, text, line) => {
    const file = join(directory, `${name}.json`)
    writeFileSync(file, text)
    const { status, stdout } = spawnSync(process.execPath, [script, file, '0'], { encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 1, stdout: line })
  })

  it('exits with 1 without a report', () => {
    const { status, stdout } = spawnSync(process.execPath, [script, join(directory, 'absent.json')], {
      encoding: 'utf8',
    })
    expect({ status, stdout }).toEqual({ status: 1, stdout: '0 passed, 1 failed\n' })
  })
})
