import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { logPath } from './logs.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'posthorn-logs-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const LOGS = JSON.stringify(join(import.meta.dirname, 'logs.ts'))

/** Runs a script that has `openLogs` and `directory`, in a process of its own; resolves to its exit code. */
function inProcess(script: string): Promise<number | null> {
  const source = `import { openLogs } from ${LOGS}; const directory = ${JSON.stringify(directory)}; ${script}`
  const child = spawn(
    process.execPath,
    ['--conditions=posthorn-source', '--input-type=module', '--eval', source],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  return new Promise((resolve) => child.once('close', resolve))
}

function messages(): string[] {
  return readdirSync(directory)
    .filter((name) => /^webhook-success.*\.log$/.test(name))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'))
    .map((line) => (JSON.parse(line) as { message: string }).message)
}

it('loses no entry and tears none when several processes write and rotate at once', async () => {
  const writers = ['a', 'b', 'c', 'd']
  const script = (name: string) => `
    const logs = openLogs({ directory, maxBytes: 20_000, keep: 10_000 })
    for (let i = 0; i < 1_000; i++) {
      logs.success('${name}' + i)
      if (i % 7 === 0) await logs.flush()
    }`
  expect(await Promise.all(writers.map((name) => inProcess(script(name))))).toEqual([0, 0, 0, 0])
  const found = messages()
  expect(found).toHaveLength(4_000)
  expect(new Set(found)).toEqual(
    new Set(writers.flatMap((name) => Array.from({ length: 1_000 }, (_, i) => `${name}${i}`))),
  )
  expect(readdirSync(directory).length).toBeGreaterThan(5)
  expect(readdirSync(directory).filter((name) => name.endsWith('.lock'))).toEqual([])
})

it.each([
  ['runs out', '', 0],
  ['calls process.exit', 'process.exit(3)', 3],
  ['fails', 'process.on("uncaughtException", () => process.exit(4)); throw new Error("on purpose")', 4],
  ['exits while a write is under way', 'logs.flush(); await Promise.resolve(); process.exit(5)', 5],
])('has every entry on disk when a process %s', async (_, end, code) => {
  const exit = await inProcess(`
    const logs = openLogs({ directory })
    for (let i = 0; i < 100; i++) logs.success('entry ' + i)
    ${end}`)
  expect(exit).toBe(code)
  expect(new Set(messages())).toEqual(new Set(Array.from({ length: 100 }, (_, i) => `entry ${i}`)))
})

it('keeps no process alive', async () => {
  expect(await inProcess(`openLogs({ directory, flushEveryMs: 600_000 }).success('one')`)).toBe(0)
  expect(messages()).toEqual(['one'])
  expect(readdirSync(directory)).toEqual([logPath('', 'success')])
})
