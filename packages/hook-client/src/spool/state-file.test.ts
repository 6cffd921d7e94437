import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openSpool, type Spool } from './layout.ts'
import { newState, readState, writeState } from './state-file.ts'

let root: string
let spool: Spool
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'posthorn-state-'))
  spool = openSpool(root, { sealDirs: [join(root, 'seals')] })
})
afterAll(() => rmSync(root, { recursive: true }))

it('comes back as it was written', () => {
  const state = { ...newState(), sent: 7, totalDrops: { full: 2 } }
  writeState(spool, state)
  expect(readState(spool)).toEqual(state)
})

it.each([
  { clientId: 'x\r\nauthorization: y' },
  { clientId: 'ключ' },
  { clientId: 7 },
  { sent: 1e91 },
  { sent: -1 },
  { retries: [] },
])('is corrupt where a field cannot be what it should: %j', (wrong) => {
  writeFileSync(join(root, 'state.json'), JSON.stringify({ ...newState(), ...wrong }))
  expect(readState(spool)).toBe('corrupt')
})
