import { chmod, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dataDirectory, makeDataDirectory, readOrMakeSecret } from './data-directory.ts'

const fresh = async () => join(await mkdtemp(join(tmpdir(), 'posthorn-secret-')), 'key')

describe('readOrMakeSecret', () => {
  it('makes a secret once, for its owner alone', async () => {
    const path = await fresh()
    expect(await readOrMakeSecret(path, () => 'one')).toEqual({ text: 'one', isNew: true })
    expect(await readOrMakeSecret(path, () => 'two')).toEqual({ text: 'one', isNew: false })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readFile(path, 'utf8')).toBe('one\n')
  })

  it('takes what another one made meanwhile', async () => {
    const path = await fresh()
    const { writeFileSync } = await import('node:fs')
    const made = await readOrMakeSecret(path, () => {
      writeFileSync(path, 'theirs\n')
      return 'ours'
    })
    expect(made).toEqual({ text: 'theirs', isNew: false })
  })

  it('reads a file with a line break of another system', async () => {
    const path = await fresh()
    await writeFile(path, 'text\r\n')
    expect((await readOrMakeSecret(path, () => 'x')).text).toBe('text')
  })
})

describe('makeDataDirectory', () => {
  it('makes a folder that others cannot read, and leaves the mode of one that is there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-data-'))
    const made = dataDirectory(join(folder, 'a/b'))
    await makeDataDirectory(made)
    expect((await stat(made.path)).mode & 0o066).toBe(0)

    await chmod(folder, 0o1777)
    await makeDataDirectory(dataDirectory(folder))
    expect((await stat(folder)).mode & 0o7777).toBe(0o1777)
    await makeDataDirectory(made)
    expect((await stat(made.path)).mode & 0o066).toBe(0)
  })
})
