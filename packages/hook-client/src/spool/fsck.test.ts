import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { eventMaker } from '../../test/support/events.ts'
import { FakeClock } from '../../test/support/fake-clock.ts'
import { DEFAULTS } from '../config/settings.ts'
import { purgeEvents, retryEvents } from './care.ts'
import { claimEvent, failEvent } from './claims.ts'
import { encodeEvent } from './event-file.ts'
import { checkSpool } from './fsck.ts'
import { eventFile, openSpool, type Spool } from './layout.ts'
import { listEvents, showEvent } from './listing.ts'
import { putEvent } from './put.ts'
import { spoolStatus } from './status.ts'

const newEvent = eventMaker(new FakeClock(Date.now()))
const rejected = { reason: 'rejected', at: new Date().toISOString(), message: 'no', tries: 1 } as const
let spool: Spool

beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'posthorn-spool-'))
  spool = openSpool(join(dir, 'spool'), { sealDirs: [join(dir, 'seal')] })
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
})

const put = () => {
  const event = newEvent()
  putEvent(spool, event, DEFAULTS.limits)
  return event
}
const path = (...parts: string[]) => join(spool.dir, ...parts)
const kinds = (repair = false) => checkSpool(spool, { repair }).map(({ kind }) => kind)

it('a spool in order has no findings, nor has one that does not exist', () => {
  expect(kinds()).toEqual([])
  put()
  expect(kinds()).toEqual([])
})

it('only its owner can read a spool', () => {
  const { requestId } = put()
  expect(statSync(spool.dir).mode & 0o777).toBe(0o700)
  expect(statSync(path('pending')).mode & 0o777).toBe(0o700)
  expect(statSync(path('pending', eventFile(requestId))).mode & 0o777).toBe(0o600)
})

it('finds what is wrong, and mends it without losing an event', () => {
  const torn = put()
  writeFileSync(path('pending', eventFile(torn.requestId)), encodeEvent(spool, torn).slice(0, -9))
  const changed = put()
  writeFileSync(
    path('pending', eventFile(changed.requestId)),
    encodeEvent(spool, changed).replace('Stop', 'Spot'),
  )
  writeFileSync(path('pending', 'stray.txt'), 'what is this')
  const orphan = put()
  claimEvent(spool, orphan.requestId, { owner: '999999-dead', leaseUntil: Date.now() + 60_000 })
  const doubled = put()
  claimEvent(spool, doubled.requestId, { owner: '999999-dead', leaseUntil: Date.now() + 60_000 })
  writeFileSync(path('pending', eventFile(doubled.requestId)), encodeEvent(spool, doubled))
  writeFileSync(path('failed', '01890000-0000-7000-8000-000000000000.reason.json'), '{}')
  const whole = newEvent()
  writeFileSync(path('tmp', eventFile(whole.requestId)), encodeEvent(spool, whole), { mode: 0o600 })
  writeFileSync(path('tmp', 'state.1.2.3'), '{')
  for (const name of readdirSync(path('tmp'))) utimesSync(path('tmp', name), 1, 1)
  writeFileSync(path('state.json'), '{"version":')
  writeFileSync(path('sender.lock'), JSON.stringify({ token: '999999-dead', pid: 999_999 }))
  utimesSync(path('sender.lock'), 1, 1)

  expect(kinds().toSorted()).toEqual([
    ...[
      'corrupt-event',
      'corrupt-event',
      'corrupt-state',
      'duplicate-claim',
      'leftover-temp',
      'leftover-temp',
    ],
    ...[
      'orphaned-claim',
      'orphaned-reason',
      'stale-lock',
      'stray-file',
      'wrong-mode',
      'wrong-mode',
      'wrong-mode',
    ],
  ])
  const repaired = checkSpool(spool, { repair: true })
  expect(repaired.every(({ repaired: done }) => done !== undefined)).toBe(true)
  expect(kinds()).toEqual([])
  const ids = (folder: 'pending' | 'failed') => listEvents(spool, folder).map(({ requestId }) => requestId)
  expect(ids('pending').toSorted()).toEqual([orphan, doubled, whole].map((one) => one.requestId).toSorted())
  expect(ids('failed').toSorted()).toEqual([torn.requestId, changed.requestId, 'stray.txt'].toSorted())
})

it.skipIf(process.platform === 'win32')('changes no rights of what a link leads to, in no folder', () => {
  const target = join(spool.dir, '..', 'target')
  writeFileSync(target, 'not the spool’s', { mode: 0o644 })
  put()
  const folders = ['pending', 'processing', 'failed'] as const
  for (const folder of folders) symlinkSync(target, path(folder, eventFile(newEvent().requestId)))
  checkSpool(spool, { repair: true })
  expect(statSync(target).mode & 0o777).toBe(0o644)
  expect(kinds()).toEqual([])
  const link = openSpool(join(spool.dir, '..', 'link'), { sealDirs: [join(spool.dir, '..', 'seal')] })
  symlinkSync(spool.dir, link.dir)
  chmodSync(spool.dir, 0o755)
  expect(checkSpool(link, { repair: true })).toMatchObject([{ kind: 'wrong-mode', repaired: 'set to 700' }])
})

it('leaves alone what a living sender holds', () => {
  const { requestId } = put()
  claimEvent(spool, requestId, { owner: `${process.pid}-live`, leaseUntil: Date.now() + 60_000 })
  expect(kinds()).toEqual([])
})

it('shows an event with what is known of it', () => {
  const event = put()
  const claimed = claimEvent(spool, event.requestId, { owner: '1-a', leaseUntil: 5 }) ?? ''
  failEvent(spool, 'processing', claimed, eventFile(event.requestId), rejected)
  const shown = showEvent(spool, event.requestId)
  expect(shown?.entry).toMatchObject({
    folder: 'failed',
    failure: rejected,
    event: { event: 'Stop', sessionId: 's1' },
  })
  expect(JSON.parse(shown?.text ?? '')).toMatchObject({ requestId: event.requestId, body: event.body })
  expect(showEvent(spool, 'nothing')).toBeUndefined()
})

it('retries and purges what is asked for, and only that', () => {
  const [first, second, third] = [put(), put(), put()]
  for (const { requestId } of [first, second]) {
    failEvent(spool, 'pending', eventFile(requestId), eventFile(requestId), rejected)
  }
  expect(retryEvents(spool, [first.requestId])).toEqual([first.requestId])
  expect(spoolStatus(spool)).toMatchObject({ pending: 2, failed: 1 })
  expect(purgeEvents(spool, { olderThanMs: 3_600_000 })).toEqual([])
  expect(purgeEvents(spool)).toEqual([second.requestId])
  expect(readdirSync(path('failed'))).toEqual([])
  expect(purgeEvents(spool, { folder: 'pending', requestIds: [third.requestId] })).toEqual([third.requestId])
  expect(spoolStatus(spool)).toMatchObject({ pending: 1, failed: 0, dropped: { total: {} } })
})

it('keeps within its bytes as within its count', () => {
  const limits = { ...DEFAULTS.limits, maxBytes: 4_500 }
  const events = Array.from({ length: 6 }, () => newEvent('s1', { text: 'x'.repeat(1_000) }))
  const results = events.map((event) => putEvent(spool, event, limits))
  expect(results.flatMap(({ dropped }) => dropped)).toEqual(
    events.slice(0, 3).map(({ requestId }) => requestId),
  )
  expect(spoolStatus(spool)).toMatchObject({
    pending: 3,
    dropped: { total: { full: 3 }, unreported: { full: 3 } },
  })
  const more = newEvent('s1', { text: 'x'.repeat(2_000) })
  expect(putEvent(spool, more, { ...limits, dropPolicy: 'drop-newest' })).toEqual({
    spooled: false,
    dropped: [],
  })
  expect(spoolStatus(spool).dropped.total).toEqual({ full: 4 })
})
