import { describe, expect, it, vi } from 'vitest'
import { RecordingLog } from '../../test/recording-log.ts'
import { VirtualTime } from '../../test/virtual-time.ts'
import type { CallLog, CallLogBatch, CallRecord, FallbackNotification } from './call-log.ts'
import { LogBuffer } from './log-buffer.ts'

function bufferOver(log: CallLog, maxKept = 1_000) {
  const time = new VirtualTime()
  return { time, buffer: new LogBuffer({ log, clock: time, timers: time, flushMs: 250, maxKept }) }
}

function call(id: string): CallRecord {
  return {
    ...{
      id,
      appId: 'app',
      endpointId: 'app/c',
      capability: 'c',
      requestId: 'r',
      outcome: 'ok',
      source: 'app',
    },
    ...{ fallback: null, reason: null, message: null, ageMs: null, startedAt: new Date(0), durationMs: 1 },
    ...{ attempts: 1, audit: null },
  }
}

function notification(roomId: string | null, more: Partial<FallbackNotification> = {}): FallbackNotification {
  const at = new Date(0)
  return {
    ...{ id: `n-${roomId}`, appId: 'app', capability: 'c', roomId, reason: 'timeout', strategy: 'static' },
    ...{ count: 1, firstAt: at, lastAt: at, callId: 'call' },
    ...more,
  }
}

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
      'records were dropped, since they could not be written in time: 1',
      'records were dropped, since they could not be written in time: 1',
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
    expect(log.incidents).toMatchObject([{ kind: 'log', message: expect.stringMatching(/dropped.*: 3$/) }])
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
