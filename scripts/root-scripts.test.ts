import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const manifest = JSON.parse(readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

describe.runIf(process.platform !== 'win32')('the commands of a clone', () => {
  let bin: string
  beforeAll(() => {
    bin = mkdtempSync(join(tmpdir(), 'posthorn-scripts-'))
    for (const name of ['pnpm', 'turbo', 'node']) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} speaks"\n`)
      chmodSync(join(bin, name), 0o755)
    }
  })
  afterAll(() => rmSync(bin, { recursive: true }))

  it.each(['posthorn', 'posthorn-hook'])(
    '%s leaves standard output to the command: what builds it speaks on standard error',
    (name) => {
      const stdout = execFileSync('/bin/sh', ['-c', manifest.scripts[name] ?? ''], {
        env: { PATH: bin },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      expect(stdout).toBe('node speaks\n')
    },
  )
})
