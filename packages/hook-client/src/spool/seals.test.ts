import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MemoryDisk } from '../../test/support/memory-disk.ts'
import { Seals } from './seals.ts'

const newDisk = () => new MemoryDisk(() => 0)
const keyOf = (disk: MemoryDisk, dir = '/seal') => disk.files.get(`${dir}/key`)?.bytes.toString().trim() ?? ''

it('is HMAC-SHA-256, as node makes it', () => {
  const disk = newDisk()
  const seals = new Seals(['/seal'], disk)
  expect(seals.ready()).toBe(true)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const expected = createHmac('sha256', Buffer.from(keyOf(disk), 'hex'))
        .update(text)
        .digest('hex')
      expect(seals.seal(text)).toBe(expected)
    }),
    { examples: [[''], ['x'.repeat(256 * 1024 - 1)], ['ü'.repeat(256 * 1024)]], numRuns: 50 },
  )
})

it('takes its own, and of others none', () => {
  const disk = newDisk()
  const seal = new Seals(['/seal'], disk).seal('text')
  const mine = new Seals(['/seal'], disk)
  expect(mine.complaint('text', seal)).toBeUndefined()
  expect(mine.complaint('other', seal)).toContain('another key')
  expect(mine.complaint('text', undefined)).toContain('no seal')
  expect(mine.complaint('text', null)).toContain('no seal')
  expect(new Seals(['/theirs'], disk).complaint('text', seal)).toContain('another key')
})

it('knows a key that was made since, and the one before', () => {
  const disk = newDisk()
  const sender = new Seals(['/seal'], disk)
  const before = sender.seal('text')
  disk.remove('/seal/key')
  const since = new Seals(['/seal'], disk).seal('text')
  expect(since).not.toBe(before)
  expect([before, since].map((seal) => sender.complaint('text', seal))).toEqual([undefined, undefined])
})

it('makes its key in the next place where the first cannot be written, and reads both', () => {
  const disk = newDisk()
  disk.fault = (call, path) => (call === 'makeDir' && path.startsWith('/first') ? 'EROFS' : undefined)
  const seal = new Seals(['/first', '/second'], disk).seal('text')
  expect(keyOf(disk, '/second')).toHaveLength(64)
  disk.fault = () => undefined
  new Seals(['/first'], disk).seal('text')
  expect(new Seals(['/first', '/second'], disk).complaint('text', seal)).toBeUndefined()
})

it.each(['ENOSPC', 'EACCES', 'EIO'])('has a whole key or none, whichever call fails with %s', (code) => {
  const whole = newDisk()
  new Seals(['/seal'], whole).seal('text')
  for (let failing = 1; failing <= whole.calls; failing++) {
    const disk = newDisk()
    disk.fault = (_call, _path, count) => (count === failing ? code : undefined)
    const seals = new Seals(['/seal'], disk)
    const seal = seals.seal('text')
    expect(seal === undefined).toBe(seals.problem() !== undefined)
    disk.fault = () => undefined
    disk.crash()
    expect(keyOf(disk)).toMatch(/^([0-9a-f]{64})?$/)
    if (seal !== undefined) expect(new Seals(['/seal'], disk).complaint('text', seal)).toBeUndefined()
  }
})
