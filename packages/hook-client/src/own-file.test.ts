import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ownFile } from './own-file.ts'

let root = ''
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'posthorn-file-')))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const IN_PACKAGE = '@posthorn/hook-client/dist/posthorn-hook.cjs'

function write(...parts: string[]): string {
  const path = join(root, ...parts)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
  return path
}

it('follows the link of a bin folder', () => {
  const file = write('lib/node_modules', IN_PACKAGE)
  symlinkSync(file, join(root, 'posthorn-hook'))
  expect(ownFile(join(root, 'posthorn-hook'))).toBe(file)
})

it("takes the link into pnpm's store, which outlives an update", () => {
  const file = write('node_modules/.pnpm/@posthorn+hook-client@1.0.0/node_modules', IN_PACKAGE)
  mkdirSync(join(root, 'node_modules/@posthorn'))
  symlinkSync(dirname(dirname(file)), join(root, 'node_modules/@posthorn/hook-client'))
  expect(ownFile(file)).toBe(join(root, 'node_modules', IN_PACKAGE))
})

it('stays in the store where no link leads there', () => {
  const file = write('node_modules/.pnpm/@posthorn+hook-client@1.0.0/node_modules', IN_PACKAGE)
  expect(ownFile(file)).toBe(file)
})
