import { describe, expect, it, vi } from 'vitest'
import { RecordingLog } from '../../test/recording-log.ts'
import { attempt, call, notification } from '../../test/records.ts'
import { VirtualTime } from '../../test/virtual-time.ts'
import type { CallLog, CallLogBatch } from './call-log.ts'
import { LogBuffer } from './log-buffer.ts'

function bufferOver(log: CallLog, maxKept = 1_000) {
  const time = new VirtualTime()
  return { time, buffer: new LogBuffer({ log, clock: time, timers: time, flushMs: 250, maxKept }) }
}

const sizeOf = (batch: CallLogBatch) => Object.values(batch).reduce((sum, list) => sum + list.length, 0)

/** Fails as often as it is told, and keeps the rest. */
class FlakyLog extends RecordingLog {
  failures: number
  readonly batches: CallLogBatch[] = []

  constructor(failures: number) {
    super()
    this.failures = failures
  }

  override write(batch: CallLogBatch): Promise<void> {
    this.batches.push(batch)
    if (this.failures-- > 0) throw new Error('the log is down')
    return super.write(batch)
  }
}

describe('LogBuffer', () => {
  it('writes what was gathered in one batch, and sets no timer without records', async () => {
    const log = new FlakyLog(0)
    const { time, buffer } = bufferOver(log)
    expect(time.pending).toBe(0)
    buffer.call(call('1'))
    buffer.call(call('2'))
    expect(log.batches).toEqual([])
    await time.drain()
    expect(log.batches).toHaveLength(1)
    expect(log.calls.map(({ id }) => id)).toEqual(['1', '2'])
    expect(time.pending).toBe(0)
  })

  it('does not let a full batch wait', async () => {
    const log = new FlakyLog(0)
    const { buffer } = bufferOver(log)
    for (let n = 0; n < 500; n++) buffer.call(call(String(n)))
    await buffer.flush()
    expect(log.calls).toHaveLength(500)
  })

  it('keeps a batch that failed, in order, and warns once', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const log = new FlakyLog(2)
    const { time, buffer } = bufferOver(log)
    buffer.call(call('1'))
    await buffer.flush()
    buffer.call(call('2'))
    await buffer.flush()
    await time.drain()
    expect(log.calls.map(({ id }) => id)).toEqual(['1', '2'])
    expect(warning).toHaveBeenCalledTimes(1)
    expect(warning.mock.calls[0]?.[0]).toContain('the log is down')
    warning.mockRestore()
  })

  it('drops the oldest when the log is down for too long, and says so', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const log = new FlakyLog(1)
    const { buffer } = bufferOver(log, 2)
    for (const id of ['1', '2', '3']) buffer.call(call(id))
    await buffer.flush()
    buffer.call(call('4'))
    await buffer.close()
    expect(log.calls.map(({ id }) => id)).toEqual(['3', '4'])
    expect(log.incidents.map(({ message }) => message)).toEqual([
      'records were dropped, since they could not be written in time (calls: 1)',
      'records were dropped, since they could not be written in time (calls: 1)',
    ])
    warning.mockRestore()
  })

  it('hands over a backlog in steps, and a step that failed again before what came since', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const log = new FlakyLog(1)
    const { time, buffer } = bufferOver(log, 20_000)
    for (let n = 0; n < 1_200; n++) {
      buffer.attempt(attempt(`a${n}`))
      buffer.call(call(`c${n}`))
      buffer.notification(notification(`r${n}`))
    }
    await buffer.flush()
    buffer.call(call('since'))
    await time.drain()
    expect(log.batches.map(sizeOf)).toEqual([...Array(8).fill(500), 101])
    expect(log.batches[1]).toEqual(log.batches[0])
    expect(log.calls.map(({ id }) => id)).toEqual([
      ...Array.from({ length: 1_200 }, (_, n) => `c${n}`),
      'since',
    ])
    expect(log.attempts.map(({ id }) => id)).toEqual(Array.from({ length: 1_200 }, (_, n) => `a${n}`))
    expect(log.notifications.map(({ id }) => id)).toEqual(Array.from({ length: 1_200 }, (_, n) => `n-r${n}`))
    warning.mockRestore()
  })

  it('waits longer after each write that failed, whatever comes meanwhile', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const at: number[] = []
    const { time, buffer } = bufferOver({
      async write() {
        at.push(time.monotonic())
        if (at.length === 9) return
        for (let n = 0; n < 600; n++) buffer.call(call(`${at.length} ${n}`))
        throw new Error('the log is down')
      },
    })
    buffer.call(call('first'))
    while (at.length < 9) await time.run(time.sleep(10))
    expect(at.slice(0, 9).map((ms, n) => ms - (at[n - 1] ?? 0))).toEqual([
      ...[250, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000],
    ])
    warning.mockRestore()
  })

  it('keeps all rows of an outage and lets go of responses, when these are too much to keep', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const log = new FlakyLog(1)
    const { time, buffer } = bufferOver(log, 20_000)
    buffer.call(call('first'))
    await buffer.flush()
    for (let n = 0; n < 12_000; n++) {
      buffer.attempt(
        attempt(`a${n}`, { responseBody: 'b'.repeat(4_096), responseHeaders: { x: 'h'.repeat(4_000) } }),
      )
    }
    await time.run(buffer.close())
    expect(log.attempts).toHaveLength(12_000)
    const kept = log.attempts.filter(({ responseBody }) => responseBody !== null)
    expect(log.attempts.slice(-kept.length)).toEqual(kept)
    expect(kept.length * 8_000).toBeGreaterThan(20_000_000)
    expect(kept.length * 8_000).toBeLessThan(33_554_432)
    expect(log.attempts[0]).toMatchObject({ responseHeaders: null, responseTruncated: true })
    expect(log.incidents.map(({ kind, message }) => [kind, message])).toEqual([
      ['log', expect.stringContaining(`responses of attempts: ${12_000 - kept.length}`)],
    ])
    // About 4 MiB at a time.
    expect(Math.max(...log.batches.map((batch) => JSON.stringify(batch).length))).toBeLessThan(5_000_000)
    warning.mockRestore()
  })

  it('tells of what was dropped while the log is down, and of the rest once it is back', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const log = new FlakyLog(3)
    const { time, buffer } = bufferOver(log, 2)
    const drop = async (count: number) => {
      for (let n = 0; n < count + (log.batches.length === 0 ? 2 : 0); n++) buffer.call(call(String(n)))
      await buffer.flush()
    }
    await drop(1)
    await drop(10)
    await drop(100)
    expect(log.batches.at(-1)?.incidents).toMatchObject([{ message: expect.stringContaining('(calls: 1)') }])
    await time.run(buffer.close())
    expect(log.incidents).toMatchObject([
      { message: expect.stringContaining('(calls: 1)') },
      { message: expect.stringContaining('(calls: 110)') },
    ])
    warning.mockRestore()
  })

  it('writes step after step at the end, and says what could not be written', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const good = new FlakyLog(0)
    const whole = bufferOver(good, 20_000).buffer
    for (let n = 0; n < 1_700; n++) whole.attempt(attempt(`a${n}`))
    await whole.close()
    expect(good.attempts).toHaveLength(1_700)
    expect(warning).not.toHaveBeenCalled()

    let writes = 0
    const { buffer, time } = bufferOver({
      async write() {
        if (++writes > 2) throw new Error('the log is down')
      },
    })
    for (let n = 0; n < 1_203; n++) buffer.attempt(attempt(`a${n}`))
    for (let n = 0; n < 2; n++) buffer.notification(notification(`r${n}`))
    await buffer.close()
    // The one that was under way failed, and so did one more try.
    expect(writes).toBe(4)
    expect(time.pending).toBe(0)
    // The first 203 were one too many of their kind before.
    expect(warning.mock.calls.map(([message]) => message)).toEqual([
      'records of calls could not be written: the log is down',
      expect.stringMatching(/^records of calls are lost.* \(attempts: 1, notifications: 2\)$/),
    ])
    warning.mockRestore()
  })

  it('gives up a log that does not answer, and goes on', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const kept = new RecordingLog()
    let isSilent = true
    const { time, buffer } = bufferOver({
      write: (batch) => (isSilent ? new Promise(() => {}) : kept.write(batch)),
    })
    buffer.call(call('1'))
    await time.run(buffer.flush())
    isSilent = false
    await time.run(buffer.close())
    expect(kept.calls.map(({ id }) => id)).toEqual(['1'])
    expect(time.pending).toBe(0)
    warning.mockRestore()
  })

  it('keeps a notification of each of many rooms, and says how many it could not keep', async () => {
    const log = new FlakyLog(0)
    const { buffer } = bufferOver(log, 20_000)
    for (let n = 0; n < 20_003; n++) buffer.notification(notification(`r${n}`))
    await buffer.close()
    expect(log.notifications).toHaveLength(20_000)
    expect(log.incidents).toMatchObject([
      { kind: 'log', message: expect.stringMatching(/dropped.*notifications: 3\)$/) },
    ])
  })

  it('folds a burst in a room into one notification, under its first id', async () => {
    const log = new FlakyLog(0)
    const { buffer } = bufferOver(log)
    const later = new Date(5)
    for (let n = 0; n < 999; n++) buffer.notification(notification('r1'))
    buffer.notification(notification('r1', { id: 'last', lastAt: later, callId: 'last call' }))
    buffer.notification(notification('r2'))
    buffer.notification(notification(null))
    buffer.notification(notification('r1', { id: 'other', reason: 'circuit_open' }))
    await buffer.close()
    expect(log.notifications).toMatchObject([
      { id: 'n-r1', roomId: 'r1', count: 1_000, firstAt: new Date(0), lastAt: later, callId: 'last call' },
      { roomId: 'r2', count: 1 },
      { roomId: null, count: 1 },
      { roomId: 'r1', reason: 'circuit_open', count: 1 },
    ])
  })
})
