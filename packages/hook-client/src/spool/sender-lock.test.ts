import { beforeEach, expect, it } from 'vitest'
import { FakeClock } from '../../test/support/fake-clock.ts'
import { MemoryDisk } from '../../test/support/memory-disk.ts'
import { at, LOCK_FILE, openSpool, type Spool } from './layout.ts'
import {
  acquireLock,
  isAtWork,
  type LockRequest,
  readLock,
  type SenderLock,
  STALE_AFTER_MS,
} from './sender-lock.ts'

let clock: FakeClock
let disk: MemoryDisk
let spool: Spool

beforeEach(() => {
  clock = new FakeClock()
  disk = new MemoryDisk(clock.now)
  spool = openSpool('/spool', { disk, clock, sealDirs: ['/spool-seal'] })
})

const request: LockRequest = { settings: 'a', version: '1', takeOver: () => false, isAlive: () => true }

function acquired(more: Partial<LockRequest> = {}): SenderLock {
  const lock = acquireLock(spool, { ...request, ...more })
  if ('holder' in lock) throw new Error('it is held')
  return lock
}

it('is held by one at a time, and free after its release', () => {
  const lock = acquired()
  expect(acquireLock(spool, request)).toEqual({ holder: lock.info })
  lock.release()
  expect(readLock(spool)).toBeUndefined()
  expect(acquired().isMine()).toBe(true)
})

it('is broken when its holder is gone or gives no sign of life, and the holder notices', () => {
  const dead = acquired()
  const next = acquired({ isAlive: () => false })
  expect(dead.isMine()).toBe(false)
  expect(dead.beat()).toBe(false)
  clock.advance(STALE_AFTER_MS - 1)
  expect(next.beat()).toBe(true)
  clock.advance(STALE_AFTER_MS - 1)
  expect('holder' in acquireLock(spool, request)).toBe(true)
  clock.advance(2)
  const third = acquired()
  expect(next.isMine()).toBe(false)
  next.release()
  expect(third.isMine()).toBe(true)
})

it('is given up to whoever may take over', () => {
  const lock = acquired()
  lock.announce('waiting')
  expect(readLock(spool)).toMatchObject({ activity: 'waiting', token: lock.info.token })
  const takeOver: LockRequest['takeOver'] = ({ activity, settings }) =>
    activity === 'waiting' && settings !== 'b'
  const other = acquired({ settings: 'b', takeOver })
  expect(lock.isMine()).toBe(false)
  lock.announce('sending')
  expect(readLock(spool)).toMatchObject({ settings: 'b', token: other.info.token })
})

it('that cannot be read is somebody’s who has just begun, until it is old', () => {
  disk.makeDir('/spool')
  disk.close(disk.create(at(spool, LOCK_FILE)))
  expect('holder' in acquireLock(spool, request)).toBe(true)
  clock.advance(STALE_AFTER_MS + 1)
  expect(acquired().isMine()).toBe(true)
})

it('of a clock that went back is not held for ever', () => {
  acquired()
  clock.turn(-86_400_000)
  expect(acquired().isMine()).toBe(true)
})

it('of another machine is judged by its sign of life alone', () => {
  const { info } = acquired()
  const elsewhere = { ...info, host: 'another-host' }
  expect(isAtWork(elsewhere, clock.now(), () => false)).toBe(true)
  expect(isAtWork(info, clock.now(), () => false)).toBe(false)
})
