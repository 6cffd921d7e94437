import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/folders.ts'

const LOCK = join(import.meta.dirname, '../src/dev/lock.ts')
/** Takes the lock, says what came of it, and lives until its input ends: whoever has the lock keeps it meanwhile. */
const TAKER = `
  const { takeLock } = await import(process.argv[1])
  const lock = await takeLock(process.argv[2])
  process.stdout.write('heldBy' in lock ? 'refused' : 'taken')
  process.stdin.resume()
`

describe('takeLock', () => {
  it('is had by one of several processes that find a stale lock at the same time', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'dev.lock')
    await writeFile(path, JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'gone' }))
    const takers = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--input-type=module', '--eval', TAKER, LOCK, path], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    )
    const answers = await Promise.all(
      takers.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])),
    )
    expect(answers.toSorted()).toEqual(['refused', 'refused', 'refused', 'refused', 'refused', 'taken'])
    for (const { stdin } of takers) stdin.end()
    await Promise.all(takers.map((taker) => once(taker, 'close')))
  })
})
