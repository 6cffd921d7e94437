import { describe, expect, it } from 'vitest'
import { configFor, eventMaker } from '../../test/support/events.ts'
import { FakeClock } from '../../test/support/fake-clock.ts'
import { MemoryDisk } from '../../test/support/memory-disk.ts'
import { recordingLog } from '../../test/support/recording-log.ts'
import {
  answered,
  refusedConnection,
  ScriptedSender,
  taken,
  timedOut,
} from '../../test/support/scripted-sender.ts'
import { VirtualTime } from '../../test/support/virtual-time.ts'
import type { HookConfig } from '../config/config.ts'
import { retryEvents } from '../spool/care.ts'
import { claimEvent } from '../spool/claims.ts'
import { markDrop } from '../spool/drops.ts'
import { at, eventFile, openSpool } from '../spool/layout.ts'
import { listEvents } from '../spool/listing.ts'
import { putEvent } from '../spool/put.ts'
import { spoolStatus } from '../spool/status.ts'
import { drainOnce } from './drain.ts'
import { runSender } from './run-sender.ts'
import type { SendProgress } from './types.ts'

const MINUTE = 60_000

/** A spool in memory with a sender over scripted answers, in time that passes by itself. */
function scene(more: Partial<HookConfig> = {}) {
  const clock = new FakeClock()
  const disk = new MemoryDisk(clock.now)
  const spool = openSpool('/spool', { disk, clock, sealDirs: ['/spool-seal'] })
  const sender = new ScriptedSender(clock)
  const log = recordingLog()
  const progress: SendProgress[] = []
  const config = configFor('/spool', more)
  const newEvent = eventMaker(clock)
  const { pause } = new VirtualTime(clock)
  const options = {
    ...{
      config,
      log,
      clock,
      disk,
      pause,
      sender,
      random: () => 0,
      isAlive: (pid: number) => pid === process.pid,
    },
    onProgress: (one: SendProgress) => progress.push(one),
  }
  const put = (sessionId: string | null = 's1', body?: object) => {
    const event = newEvent(sessionId, body)
    putEvent(spool, event, config.limits)
    clock.advance(1)
    return event.requestId
  }
  const sent = () => sender.requests.map(({ event }) => event.requestId)
  return { clock, disk, spool, sender, log, progress, config, options, put, sent }
}

describe('what arrives', () => {
  it('is everything, in order of capture within a session', async () => {
    const { put, sent, sender, spool, options } = scene()
    const ids = Array.from({ length: 30 }, (_, i) => ({ session: `s${i % 3}`, id: put(`s${i % 3}`) }))
    expect(await drainOnce(options)).toMatchObject({ end: 'empty', sent: 30, failed: 0, backlog: 0 })
    for (const session of ['s0', 's1', 's2']) {
      const inOrder = ids.filter((one) => one.session === session).map(({ id }) => id)
      expect(sent().filter((id) => inOrder.includes(id))).toEqual(inOrder)
    }
    expect(spoolStatus(spool)).toMatchObject({
      pending: 0,
      processing: 0,
      failed: 0,
      state: { sent: 30 },
      sender: null,
    })
    expect(sender.requests.every(({ request }) => request.attempt === 1)).toBe(true)
  })

  it('is what comes while the sender lingers', async () => {
    const { put, sender, sent, options } = scene()
    put()
    let late = ''
    sender.script = () => {
      late ||= put('s2')
      return taken
    }
    expect(await runSender(options)).toMatchObject({ end: 'empty', sent: 2 })
    expect(sent()).toContain(late)
  })

  it('is counted as a repeat when the server says so', async () => {
    const { put, sender, options } = scene()
    put()
    sender.script = () => ({ ...taken, duplicate: true })
    expect(await drainOnce(options)).toMatchObject({ sent: 1, duplicates: 1 })
  })
})

describe('an event that fails by itself', () => {
  it.each([
    ['5xx', answered(500)],
    ['408', answered(408)],
    ['no answer', timedOut],
  ])(
    'with %s is tried 3 times a second apart, then after 1, 5, 15 min, 1 and 2 h, then failed',
    async (_, outcome) => {
      const { put, sender, spool, options } = scene()
      const bad = put()
      sender.script = () => outcome
      const starts: number[] = []
      for (let run = 0; run < 30 && spoolStatus(spool).pending > 0; run++) await runSender(options)
      const times = sender.requests.map(({ at: time }) => time)
      times.forEach((time, i) => void (i % 3 === 0 && starts.push(time)))
      expect(times).toHaveLength(18)
      expect(times.map((time, i) => (i % 3 === 0 ? 0 : time - (times[i - 1] ?? 0)))).toEqual(
        times.map((_time, i) => (i % 3 === 0 ? 0 : 1_000)),
      )
      const waits = starts.slice(1).map((start, i) => start - (starts[i] ?? 0) - 2_000)
      const expected = [1, 5, 15, 60, 120].map((minutes) => minutes * MINUTE)
      waits.forEach((wait, i) => {
        expect(wait).toBeGreaterThanOrEqual(expected[i] ?? 0)
        expect(wait).toBeLessThan((expected[i] ?? 0) * 1.1 + 16 * MINUTE)
      })
      expect(sender.requests.map(({ request }) => request.attempt)).toEqual(
        Array.from({ length: 18 }, (_e, i) => i + 1),
      )
      expect(listEvents(spool, 'failed')).toMatchObject([
        { requestId: bad, failure: { reason: 'exhausted', tries: 18 } },
      ])
    },
  )

  it('holds up its session and no other, until it is failed', async () => {
    const { put, sender, sent, spool, options } = scene()
    const bad = put('s1')
    const after = put('s1')
    const other = put('s2')
    sender.script = (event) => (event.requestId === bad ? answered(500) : taken)
    await drainOnce(options)
    expect(sent()).toEqual(expect.arrayContaining([bad, other]))
    expect(sent()).not.toContain(after)
    for (let run = 0; run < 10; run++) await drainOnce(options)
    expect(sent()).toContain(after)
    expect(listEvents(spool, 'failed').map(({ requestId }) => requestId)).toEqual([bad])
  })

  it('is failed at once when the server will never take it, with what the server said', async () => {
    const { put, sender, spool, options } = scene()
    const bad = put()
    const good = put()
    const problem = { code: 'validation', detail: 'no such field' }
    sender.script = (event) =>
      event.requestId === bad ? answered(422, { code: 'validation', problem }) : taken
    expect(await drainOnce(options)).toMatchObject({ end: 'empty', sent: 1, failed: 1 })
    expect(sender.requests).toHaveLength(2)
    const [entry] = listEvents(spool, 'failed')
    expect(entry).toMatchObject({ requestId: bad, failure: { reason: 'rejected', status: 422, problem } })
    expect(retryEvents(spool, [bad])).toEqual([bad])
    sender.script = () => taken
    expect(await drainOnce(options)).toMatchObject({ sent: 1 })
    expect(good).toBeTruthy()
  })

  it('is tried at once when somebody asks, however long it would wait', async () => {
    const { put, sender, spool, options } = scene()
    const id = put()
    sender.script = () => answered(500)
    await drainOnce(options)
    sender.script = () => taken
    options.clock.advance(1)
    expect(retryEvents(spool, [id])).toEqual([id])
    const before = options.clock.monotonic()
    await runSender(options)
    expect((sender.requests.at(-1)?.at ?? 0) - before).toBeLessThan(1_000)
  })

  it('that is too large for the server is cut smaller once, then failed', async () => {
    const { put, sender, spool, options } = scene()
    put('s1', { hook_event_name: 'Stop', text: 'x'.repeat(10_000) })
    sender.script = (event) => (event.body.length > 6_000 ? answered(413) : taken)
    expect(await drainOnce(options)).toMatchObject({ end: 'empty', sent: 1 })
    expect(JSON.parse(sender.requests.at(-1)?.event.body ?? '')).toMatchObject({
      posthorn_cut: { reason: 'too-large' },
    })
    put('s1', { hook_event_name: 'Stop', text: 'x'.repeat(10_000) })
    sender.script = () => answered(413)
    expect(await drainOnce(options)).toMatchObject({ failed: 1 })
    expect(listEvents(spool, 'failed')).toMatchObject([{ failure: { reason: 'rejected', status: 413 } }])
  })
})

describe('a fault of the server as a whole', () => {
  it.each([
    [401, 'refused'],
    [403, 'refused'],
    [404, 'refused'],
    [429, 'busy'],
    [503, 'busy'],
  ])('%i rejects nothing: sending is held, and goes on by itself', async (status, kind) => {
    const { put, sender, spool, options } = scene()
    const ids = Array.from({ length: 5 }, (_, i) => put(`s${i}`))
    sender.script = () => answered(status)
    expect(await drainOnce(options)).toMatchObject({
      end: 'held',
      hold: { kind, status },
      backlog: 5,
      failed: 0,
    })
    expect(spoolStatus(spool)).toMatchObject({ pending: 5, state: { hold: { kind }, retries: {} } })
    const before = sender.requests.length
    sender.script = () => taken
    expect(await runSender(options)).toMatchObject({ end: 'empty', sent: 5, hold: null })
    const resumedAt = sender.requests[before]?.at ?? 0
    expect(resumedAt).toBeGreaterThanOrEqual(MINUTE)
    expect(
      sender.requests
        .slice(before)
        .map(({ event }) => event.requestId)
        .sort(),
    ).toEqual(ids)
  })

  it('for many hours costs no event, and keeps the order', async () => {
    const { put, sender, sent, spool, options, clock } = scene()
    const ids = [put('s1'), put('s1'), put('s1')]
    sender.script = () => refusedConnection
    for (let hour = 0; hour < 24; hour++) {
      await runSender(options)
      clock.advance(60 * MINUTE)
    }
    expect(spoolStatus(spool)).toMatchObject({ pending: 3, failed: 0 })
    sender.script = () => taken
    const before = sender.requests.length
    await drainOnce(options)
    expect(sent().slice(before)).toEqual(ids)
  })

  it('is no matter to a sender with other settings', async () => {
    const { put, sender, options, config, clock } = scene()
    put()
    sender.script = (_event, { apiKey }) => (apiKey === 'phk_right_1234' ? taken : answered(401))
    await drainOnce(options)
    clock.advance(1_000)
    expect(await runSender({ ...options, config: { ...config, apiKey: 'phk_right_1234' } })).toMatchObject({
      sent: 1,
    })
  })

  it('is told as it is with the settings of now, however soon they follow the others', async () => {
    const { put, sender, options, config, spool, log } = scene()
    put()
    sender.script = (_event, { apiKey }) => answered(apiKey === 'phk_second' ? 403 : 401)
    const first = await drainOnce(options)
    const second = await drainOnce({ ...options, config: { ...config, apiKey: 'phk_second' } })
    const third = await drainOnce({ ...options, config: { ...config, apiKey: 'phk_third' } })
    expect([first, second, third].map(({ hold }) => hold?.status)).toEqual([401, 403, 401])
    expect(new Set([first, second, third].map(({ hold }) => hold?.settings)).size).toBe(3)
    expect(spoolStatus(spool).state?.hold).toEqual(third.hold)
    expect(log.lines.filter(({ message }) => message.startsWith('nothing can be sent'))).toHaveLength(3)
  })

  it('is found out about once a minute while events keep coming', async () => {
    const { put, sender, options, clock } = scene()
    sender.script = () => refusedConnection
    put()
    for (let minute = 0; minute < 10; minute++) {
      const controller = new AbortController()
      const stopAt = clock.monotonic() + MINUTE
      const pause: typeof options.pause = async (ms, signal) => {
        if (clock.monotonic() >= stopAt) controller.abort()
        await options.pause(ms, signal)
      }
      await runSender({ ...options, pause, signal: controller.signal })
      put()
    }
    const probes = sender.requests.length / 3
    expect(probes).toBeGreaterThanOrEqual(5)
    expect(probes).toBeLessThanOrEqual(11)
  })

  it('with a time that the server asked for is not tried before', async () => {
    const { put, sender, options } = scene()
    put()
    sender.script = () => answered(429, { retryAfterMs: 8 * MINUTE })
    await drainOnce(options)
    const [first] = sender.requests
    sender.script = () => taken
    await runSender(options)
    expect(sender.requests).toHaveLength(2)
    expect((sender.requests[1]?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(8 * MINUTE)
  })
})

describe('one sender', () => {
  it('is all that works on a spool', async () => {
    const { put, sender, options } = scene()
    put()
    let second: Promise<unknown> | undefined
    sender.script = () => {
      second ??= drainOnce(options)
      return taken
    }
    await drainOnce(options)
    expect(await second).toMatchObject({ end: 'locked', sent: 0 })
  })

  it('stays with what must wait for 15 minutes, then leaves it', async () => {
    const { put, sender, options, clock, spool } = scene()
    put()
    sender.script = () => refusedConnection
    const before = clock.monotonic()
    expect(await runSender(options)).toMatchObject({ end: 'held', backlog: 1 })
    const stayedMs = clock.monotonic() - before
    expect(stayedMs).toBeGreaterThanOrEqual(15 * MINUTE)
    expect(stayedMs).toBeLessThan(17 * MINUTE)
    expect(spoolStatus(spool).sender).toBeNull()
  })

  it('gives its place when it only waits and a person asks', async () => {
    const { put, sender, options, clock } = scene()
    put()
    sender.script = () => answered(500)
    let asked: Promise<unknown> | undefined
    const pause: typeof options.pause = (ms, signal) => {
      if (clock.monotonic() > 3 * MINUTE && asked === undefined) {
        sender.script = () => taken
        asked = drainOnce(options)
      }
      return options.pause(ms, signal)
    }
    const first = runSender({ ...options, pause })
    expect(await first).toMatchObject({ end: 'stopped', sent: 0 })
    expect(await asked).toMatchObject({ end: 'empty', sent: 1 })
  })

  it('takes over from one that was killed', async () => {
    const { put, options, spool, disk, clock } = scene()
    const id = put()
    claimEvent(spool, id, { owner: '999999-dead', leaseUntil: clock.now() + MINUTE })
    const lock = {
      token: '999999-dead',
      pid: 999_999,
      host: 'x',
      startedAt: '',
      activity: 'sending',
      settings: '',
      version: '',
    }
    const fd = disk.create(at(spool, 'sender.lock'))
    disk.write(fd, Buffer.from(JSON.stringify({ ...lock, host: (await import('node:os')).hostname() })))
    disk.close(fd)
    expect(await drainOnce(options)).toMatchObject({ end: 'empty', sent: 1 })
  })

  it('does not need the state of another to be readable', async () => {
    const { put, options, disk, spool, log } = scene()
    put()
    const fd = disk.create(at(spool, 'state.json'))
    disk.write(fd, Buffer.from('{"version":1,'))
    disk.close(fd)
    expect(await drainOnce(options)).toMatchObject({ end: 'empty', sent: 1 })
    expect(disk.files.has(at(spool, 'state.corrupt.json'))).toBe(true)
    expect(log.lines.some(({ message }) => message.includes('put aside'))).toBe(true)
  })
})

describe('drops', () => {
  it('are reported as a sum, so that a server whose answer is lost counts none twice', async () => {
    const { put, sender, spool, options } = scene({ limits: { ...configFor('/x').limits, maxEvents: 3 } })
    for (let i = 0; i < 5; i++) put(`s${i}`)
    const toldBy = () =>
      sender.requests.map(({ request }) => (JSON.parse(request.report ?? '') as { dropped: number }).dropped)
    // The server took each report of this event, and none of its answers came.
    const [lost] = listEvents(spool, 'pending').map(({ requestId }) => requestId)
    sender.script = (event) => (event.requestId === lost ? timedOut : taken)
    await drainOnce(options)
    expect(sender.requests.length).toBeGreaterThan(3)
    expect(new Set(toldBy())).toEqual(new Set([2]))
    expect(spoolStatus(spool).dropped).toEqual({ total: { full: 2 }, unreported: {} })
    for (let i = 5; i < 8; i++) put(`s${i}`)
    expect(spoolStatus(spool).dropped).toEqual({ total: { full: 3 }, unreported: { full: 1 } })
    sender.script = () => taken
    await drainOnce(options)
    expect(toldBy().at(-1)).toBe(3)
    expect(spoolStatus(spool).dropped.unreported).toEqual({})
  })

  it('are reported with each event, and wait for a success', async () => {
    const { put, sender, spool, options } = scene({ limits: { ...configFor('/x').limits, maxEvents: 3 } })
    for (let i = 0; i < 5; i++) put(`s${i}`)
    markDrop(spool, put('x').replace(/^0/, '1'), 'unwritable')
    sender.script = (_event, { attempt }) => (attempt === 1 ? answered(500) : taken)
    await drainOnce(options)
    const reports = sender.requests.map(({ request }) => JSON.parse(request.report ?? ''))
    expect(reports[0]).toMatchObject({ backlog: 3, dropped: 4, droppedByReason: { full: 3, unwritable: 1 } })
    expect(reports.map(({ dropped }) => dropped)).toEqual(reports.map(() => 4))
    expect(spoolStatus(spool).dropped).toEqual({ total: { full: 3, unwritable: 1 }, unreported: {} })
    expect(spool.disk.list(at(spool, 'dropped'))).toEqual([])
    expect(reports.every((report) => JSON.stringify(report).length <= 2_048)).toBe(true)
  })

  it('happen to events that lay in failed/ for too long, and to no younger ones', async () => {
    const { put, sender, spool, options, clock } = scene()
    put('s1')
    sender.script = () => answered(400)
    await drainOnce(options)
    clock.advance(29 * 24 * 60 * MINUTE)
    await drainOnce(options)
    expect(spoolStatus(spool).failed).toBe(1)
    clock.advance(2 * 24 * 60 * MINUTE)
    put('s2')
    await drainOnce(options)
    expect(spoolStatus(spool)).toMatchObject({ failed: 1, dropped: { total: { expired: 1 } } })
  })
})

describe('time and disk', () => {
  it('that go back drop nothing, and nothing waits longer for it', async () => {
    const { put, sender, spool, options, clock } = scene()
    put('s1')
    sender.script = () => answered(500)
    await drainOnce(options)
    clock.turn(-10 * 24 * 60 * MINUTE)
    put('s2')
    sender.script = () => taken
    const before = clock.monotonic()
    expect(await runSender(options)).toMatchObject({ end: 'empty', sent: 2, failed: 0 })
    expect((sender.requests.at(-1)?.at ?? 0) - before).toBeLessThan(2 * MINUTE)
    expect(spoolStatus(spool).dropped.total).toEqual({})
  })

  it('move what is too old to failed/, and lose nothing', async () => {
    const { put, spool, options, clock } = scene()
    const old = put()
    clock.advance(8 * 24 * 60 * MINUTE)
    await drainOnce(options)
    expect(listEvents(spool, 'failed')).toMatchObject([{ requestId: old, failure: { reason: 'expired' } }])
  })

  it('show what is corrupt in failed/, and go on with the rest', async () => {
    const { put, spool, options, disk } = scene()
    const torn = put('s1')
    const good = put('s1')
    const file = disk.files.get(at(spool, 'pending', eventFile(torn)))
    if (file === undefined) throw new Error('no file')
    file.bytes = file.bytes.subarray(0, -3)
    expect(await drainOnce(options)).toMatchObject({ sent: 1, failed: 1 })
    expect(listEvents(spool, 'failed')).toMatchObject([
      { requestId: torn, corrupt: expect.stringContaining('not JSON'), failure: { reason: 'corrupt' } },
    ])
    expect(good).toBeTruthy()
  })

  it('that take nothing end the sending with a line in the log', async () => {
    const { put, options, disk, log } = scene()
    put()
    disk.fault = (call) => (call === 'rename' || call === 'create' ? 'EROFS' : undefined)
    expect(await drainOnce(options)).toMatchObject({ end: 'unwritable', sent: 0 })
    expect(log.lines.some(({ file }) => file === 'error')).toBe(true)
  })
})

it('does nothing without a URL or key, or when it is switched off', async () => {
  const { put, options, config, spool } = scene()
  put()
  const without = { ...config, url: undefined } satisfies Partial<HookConfig>
  expect(await drainOnce({ ...options, config: without })).toMatchObject({ end: 'unconfigured' })
  expect(await drainOnce({ ...options, config: { ...config, enabled: false } })).toMatchObject({
    end: 'disabled',
  })
  expect(spoolStatus(spool).pending).toBe(1)
})
