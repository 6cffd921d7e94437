/**
 * Prints the one line that sums up a test run, from vitest's JSON report:
 *
 *     node scripts/summarise-tests.ts <report.json> [exit code of the run]
 *
 * Exits with 1 when something failed, when no test ran, or when there is no report to read.
 */
import { readFileSync } from 'node:fs'

/** Vitest's JSON report, as far as it is read here. */
export interface TestReport {
  success: boolean
  testResults: { name: string; status: string; assertionResults: { status: string }[] }[]
}

/** The counts of a run. `broken` says what failed outside of any test. */
export interface TestSummary {
  passed: number
  failed: number
  skipped: number
  broken: string[]
}

/**
 * Counts tests by outcome. A file that could not be loaded holds no test, and an error outside of every
 * test belongs to none; each counts as one failure, so that a broken run never reads as a good one.
 */
export function summarise(report: TestReport, exitCode = 0): TestSummary {
  const summary: TestSummary = { passed: 0, failed: 0, skipped: 0, broken: [] }
  for (const file of report.testResults) {
    let failedHere = 0
    for (const { status } of file.assertionResults) {
      if (status === 'passed') summary.passed += 1
      else if (status === 'failed') failedHere += 1
      else summary.skipped += 1
    }
    if (file.status === 'failed' && failedHere === 0) {
      failedHere = 1
      summary.broken.push(`${file.name} could not be run`)
    }
    summary.failed += failedHere
  }
  if (summary.failed === 0 && (!report.success || exitCode !== 0)) {
    summary.failed = 1
    summary.broken.push(`the run failed outside of its tests (exit code ${exitCode})`)
  }
  if (summary.passed === 0 && summary.failed === 0) summary.broken.push('no test ran')
  return summary
}

/** `N passed, N failed`, with `, N skipped` only where some were. */
export function summaryLine({ passed, failed, skipped }: TestSummary): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function readReport(file: string | undefined): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(file ?? '', 'utf8')) as TestReport
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const [file, exitCode = '0'] = process.argv.slice(2)
  const report = readReport(file)
  const summary: TestSummary =
    report === undefined
      ? { passed: 0, failed: 1, skipped: 0, broken: ['the tests left no report'] }
      : summarise(report, Number(exitCode))
  for (const sentence of summary.broken) console.error(sentence)
  console.log(summaryLine(summary))
  if (summary.failed > 0 || summary.broken.length > 0) process.exitCode = 1
}
