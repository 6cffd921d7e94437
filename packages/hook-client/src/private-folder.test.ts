import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makePrivateFolder } from './private-folder.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'posthorn-folder-'))
})
afterAll(() => rmSync(root, { recursive: true }))

it('makes what is missing, for its user alone, and leaves what is there', () => {
  chmodSync(root, 0o755)
  const path = join(root, 'a/b/c')
  makePrivateFolder(path)
  makePrivateFolder(path)
  const modes = [root, join(root, 'a'), join(root, 'a/b'), path].map((each) => statSync(each).mode & 0o777)
  expect(modes).toEqual([0o755, 0o700, 0o700, 0o700])
})

it('says what is wrong where a file is in the way', () => {
  writeFileSync(join(root, 'file'), '')
  expect(() => makePrivateFolder(join(root, 'file'))).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  expect(() => makePrivateFolder(join(root, 'file/in/it'))).toThrow(
    expect.objectContaining({ code: 'ENOTDIR' }),
  )
})

it.runIf(process.platform === 'linux')('ends where no folder can be made in one that exists', () => {
  expect(() => makePrivateFolder('/proc/posthorn/spool')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})
