import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { configFor } from '../../test/support/events.ts'
import { FakeClock } from '../../test/support/fake-clock.ts'
import { type Fault, MemoryDisk } from '../../test/support/memory-disk.ts'
import { recordingLog } from '../../test/support/recording-log.ts'
import { openSpool } from '../spool/layout.ts'
import { listEvents } from '../spool/listing.ts'
import { spoolStatus } from '../spool/status.ts'
import { capture } from './capture.ts'

const document = { session_id: 's1', hook_event_name: 'Stop' }

/** Captures one event on a disk with faults, and looks at where it is. */
async function captured(fault: Fault, prepareDisk: (disk: MemoryDisk) => void = () => {}) {
  const clock = new FakeClock()
  const disk = new MemoryDisk(clock.now)
  prepareDisk(disk)
  disk.fault = fault
  const log = recordingLog()
  const config = configFor('/spool')
  const result = await capture({
    loaded: { config, issues: [], origins: {}, file: { path: '/none', exists: false } },
    openStdin: () => Readable.from([Buffer.from(JSON.stringify(document))]),
    waitMs: 0,
    log,
    clock,
    disk,
    env: {},
  })
  disk.fault = () => undefined
  const calls = disk.calls
  disk.crash()
  const places = ['/spool', '/spool-fallback'].map((dir) =>
    openSpool(dir, { disk, clock, sealDirs: ['/spool-seal'] }),
  )
  const events = places.flatMap((place) => listEvents(place, 'pending'))
  const drops = places
    .map((place) => spoolStatus(place).dropped.total.unwritable ?? 0)
    .reduce((a, b) => a + b)
  return { result, log, calls, events, drops, disk }
}

it('has the event on disk when nothing goes wrong, power cut included', async () => {
  const { result, events } = await captured(() => undefined)
  expect(result).toMatchObject({ kind: 'spooled', spoolDir: '/spool' })
  expect(events).toMatchObject([{ event: { event: 'Stop', sessionId: 's1' } }])
})

it.each(['ENOSPC', 'EACCES', 'EIO', 'EROFS', 'EMFILE', 'ENOENT'])(
  'keeps or counts the event whichever single call fails with %s',
  async (code) => {
    const { calls } = await captured(() => undefined)
    expect(calls).toBeGreaterThan(8)
    for (let failing = 1; failing <= calls; failing++) {
      const { result, events, drops, log } = await captured((_call, _path, count) =>
        count === failing ? code : undefined,
      )
      const isCorrupt = events.some(({ corrupt }) => corrupt !== undefined)
      expect({ failing, isCorrupt }).toEqual({ failing, isCorrupt: false })
      if (result.kind === 'spooled') {
        expect(events).toHaveLength(1)
      } else {
        expect(result).toMatchObject({ kind: 'lost', isCounted: true })
        expect(drops).toBe(1)
        expect(log.lines.some(({ file }) => file === 'error')).toBe(true)
      }
    }
  },
)

it('takes the other place when the usual one is read-only', async () => {
  const { result, events, log } = await captured((call, path) =>
    call === 'makeDir' && !path.includes('fallback') ? 'EROFS' : undefined,
  )
  expect(result).toMatchObject({ kind: 'spooled', spoolDir: '/spool-fallback' })
  expect(events).toHaveLength(1)
  expect(log.lines).toContainEqual(
    expect.objectContaining({ file: 'error', message: 'the spool cannot be written' }),
  )
})

it('counts the loss when the disk is full: an empty marker has room', async () => {
  const { result, drops } = await captured((call) => (call === 'write' ? 'ENOSPC' : undefined))
  expect(result).toMatchObject({ kind: 'lost', isCounted: true })
  expect(drops).toBe(1)
})

it('says so in the log when not even the loss can be counted', async () => {
  const { result, log } = await captured(() => 'EACCES')
  expect(result).toMatchObject({ kind: 'lost', isCounted: false })
  expect(log.lines).toContainEqual(expect.objectContaining({ message: 'lost: no place on disk takes it' }))
})

it('writes on when the disk takes a few bytes at a time, and shows nothing torn when it stops', async () => {
  const whole = await captured(
    () => undefined,
    (disk) => {
      disk.writeAtMost = 7
    },
  )
  expect(whole.events).toMatchObject([{ event: { event: 'Stop' } }])
  let writes = 0
  const torn = await captured(
    (call) => (call === 'write' && ++writes % 20 === 0 ? 'ENOSPC' : undefined),
    (disk) => {
      disk.writeAtMost = 7
    },
  )
  expect(torn.events).toEqual([])
  expect(torn.drops).toBe(1)
  expect([...torn.disk.files.keys()].filter((path) => path.includes('/tmp/'))).toEqual([])
})
