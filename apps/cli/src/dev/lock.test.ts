import { existsSync } from 'node:fs'
import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lockHolder, takeLock } from './lock.ts'
import { isRunning, thisProcess } from './process-identity.ts'

const fresh = async () => join(await mkdtemp(join(tmpdir(), 'posthorn-lock-')), 'dev.lock')

async function take(path: string) {
  const lock = await takeLock(path)
  if ('heldBy' in lock) throw new Error(`held by ${lock.heldBy.pid}`)
  return lock
}

describe('takeLock', () => {
  it('holds a lock until it is released, and leaves nothing behind', async () => {
    const path = await fresh()
    const lock = await take(path)
    expect(await takeLock(path)).toEqual({ heldBy: thisProcess() })
    expect(await lockHolder(path)).toEqual(thisProcess())
    await lock.release()
    expect(await lockHolder(path)).toBeUndefined()
    await (await take(path)).release()
    expect(await readdir(join(path, '..'))).toEqual([])
  })

  it.each([
    ['a process that is gone', { pid: 2 ** 22 + 1, startedAt: 'boot 1' }],
    ['an earlier process of the same number', { pid: process.pid, startedAt: 'another boot 1' }],
    ['nobody', {}],
  ])('takes over what %s left', async (_whose, content) => {
    const path = await fresh()
    await writeFile(path, JSON.stringify(content))
    await take(path)
    expect(await lockHolder(path)).toEqual(thisProcess())
  })

  it('takes over a lock that was only half written', async () => {
    const path = await fresh()
    await writeFile(path, '{"pid":')
    await take(path)
  })

  it('does not let a take-over that died half-way stand in the way for ever', async () => {
    const path = await fresh()
    await writeFile(path, '{}')
    const { mkdir, utimes } = await import('node:fs/promises')
    await mkdir(`${path}.takeover`)
    await utimes(`${path}.takeover`, 1, 1)
    await take(path)
    expect(existsSync(`${path}.takeover`)).toBe(false)
  })
})

describe('isRunning', () => {
  it('knows this process, also where nobody tells when it started', () => {
    expect(isRunning(thisProcess())).toBe(true)
    expect(isRunning({ pid: process.pid, startedAt: '' })).toBe(true)
  })

  it.each([0, -1, 1.5, Number.NaN])('takes %s for no process', (pid) => {
    expect(isRunning({ pid, startedAt: '' })).toBe(false)
  })
})
