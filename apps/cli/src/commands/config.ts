import { ValidationError, type ValidationIssue } from '@posthorn/core'
import { redactedConfig } from '@posthorn/engine/config'
import { parseIngestConfig } from '@posthorn/ingest'
import { parseWorkerConfig } from '@posthorn/worker'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { columns, type Output, paint } from '../terminal/output.ts'

type Shown = Readonly<Record<string, unknown>>

/** `posthorn config`: what the services would run with, secrets taken out, or every mistake in it. */
export async function config(output: Output): Promise<ExitCode> {
  const issues: ValidationIssue[] = []
  const ingest = attempt(parseIngestConfig, issues)
  const worker = attempt(parseWorkerConfig, issues)
  if (!ingest || !worker) throw new ValidationError(issues)
  output.result({ ingest, worker }, sections(ingest, worker))
  return EXIT.ok
}

/** Both are read before anything is told: every mistake is told at once, and one that both make is told once. */
function attempt(parse: () => Shown, issues: ValidationIssue[]): Shown | undefined {
  try {
    return redactedConfig(parse())
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    const told = new Set(issues.map((issue) => issue.path))
    issues.push(...error.issues.filter((issue) => !told.has(issue.path)))
    return undefined
  }
}

function sections(ingest: Shown, worker: Shown): string {
  const isShared = (name: string) =>
    name in ingest && name in worker && text(ingest[name]) === text(worker[name])
  const rows = (config: Shown, keep: (name: string) => boolean) =>
    Object.keys(config)
      .filter((name) => keep(name) && config[name] !== undefined)
      .map((name) => [name, text(config[name])])
  const section = (title: string, content: string[][]) => `${paint('bold', title)}\n${columns(content)}`
  return [
    section('both services', rows(ingest, isShared)),
    section(
      'ingest',
      rows(ingest, (name) => !isShared(name)),
    ),
    section(
      'worker',
      rows(worker, (name) => !isShared(name)),
    ),
  ].join('\n\n')
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = Object.entries(value).map(([name, each]) => `${name}=${String(each)}`)
  return entries.length === 0 ? '(none)' : entries.join(',')
}
