import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { logPath, openLogs } from './logs.ts'
import { followLogs, type LogFilter, readLogs } from './read-logs.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'posthorn-logs-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const at = (second: number) => new Date(Date.UTC(2026, 7, 22, 10, 0, second))

/** Four entries, one a second, in different files. */
async function fill(): Promise<void> {
  let second = 0
  const logs = openLogs({ directory, debug: true, now: () => at(second) })
  const fields = [
    { requestId: '0198-aa' },
    { requestId: '0198-ab' },
    {},
    { requestId: '0199', error: 'ECONNREFUSED' },
  ]
  for (const [i, method] of (['success', 'queue', 'debug', 'error'] as const).entries()) {
    second = i
    logs[method](`message ${i}`, fields[i])
  }
  await logs.close()
}

const found = async (filter: LogFilter, limit = 100) =>
  (await readLogs(directory, filter, limit)).map(({ message }) => message)

describe('readLogs', () => {
  it('reads all files in the order of time', async () => {
    await fill()
    const records = await readLogs(directory, {}, 100)
    expect(records.map(({ file, message }) => [file, message])).toEqual([
      ['success', 'message 0'],
      ['queue', 'message 1'],
      ['debug', 'message 2'],
      ['error', 'message 3'],
    ])
  })

  it.each([
    ['a request id', { requestId: '0198-ab' }, [1]],
    ['the beginning of request ids', { requestId: '0198' }, [0, 1]],
    ['a level and what is more serious', { level: 'info' }, [0, 1, 3]],
    ['the most serious level', { level: 'error' }, [3]],
    ['a beginning', { since: at(2) }, [2, 3]],
    ['an end', { until: at(1) }, [0, 1]],
    ['a text in a field', { text: 'econn' }, [3]],
    ['a file', { files: ['queue'] }, [1]],
    ['several at once', { since: at(1), level: 'info', text: 'message' }, [1, 3]],
  ] as const)('filters by %s', async (_, filter, expected) => {
    await fill()
    expect(await found(filter)).toEqual(expected.map((i) => `message ${i}`))
  })

  it('gives the newest ones when there are more than wanted', async () => {
    await fill()
    expect(await found({}, 2)).toEqual(['message 2', 'message 3'])
  })

  it('reads what was put aside, and passes over what is no entry', async () => {
    const logs = openLogs({ directory, maxBytes: 300 })
    for (let i = 0; i < 10; i++) {
      logs.success(`${i}`)
      await logs.flush()
    }
    appendFileSync(logPath(directory, 'success'), '{"time":"2026-08-22T10:0\n\n[]\n{"level":"info"}\n')
    logs.success('last')
    await logs.close()
    const all = await found({})
    expect(all.at(-1)).toBe('last')
    expect(all.slice(0, -1)).toEqual([...Array(10).keys()].map(String).slice(-(all.length - 1)))
    expect(all.length).toBeGreaterThan(3)
  })

  it('keeps the order of what was put aside within one millisecond', async () => {
    const logs = openLogs({ directory, maxBytes: 100, now: () => at(1) })
    for (let i = 0; i < 12; i++) {
      logs.success(`${i}`)
      await logs.flush()
    }
    await logs.close()
    const all = await found({})
    expect(all.length).toBeGreaterThan(4)
    expect(all).toEqual([...Array(12).keys()].map(String).slice(-all.length))
  })

  it('finds nothing where there are no logs', async () => {
    expect(await found({})).toEqual([])
    expect(await readLogs(join(directory, 'none'), {}, 10)).toEqual([])
  })
})

describe('followLogs', () => {
  it('tells what is written from now on, once, across rotations, and ends with its signal', async () => {
    const logs = openLogs({ directory, maxBytes: 1_000 })
    logs.success('before')
    await logs.flush()
    const stop = new AbortController()
    const seen: string[] = []
    const entries = await followLogs(directory, {}, stop.signal)
    const following = (async () => {
      for await (const { message } of entries) seen.push(message)
    })()
    for (let i = 0; i < 12; i++) {
      logs.success(`entry ${i}`)
      await logs.flush()
      // Not faster than the reader looks, so that no log is put aside twice between two looks.
      await expect.poll(() => seen.length, { interval: 5 }).toBe(i + 1)
    }
    stop.abort()
    await following
    await logs.close()
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => `entry ${i}`))
  })

  it('waits for a line that is half written', async () => {
    const stop = new AbortController()
    const entries = await followLogs(directory, {}, stop.signal)
    const path = logPath(directory, 'queue')
    const line = `${JSON.stringify({ time: at(0).toISOString(), level: 'info', message: 'whole ü' })}\n`
    const bytes = Buffer.from(line)
    appendFileSync(path, bytes.subarray(0, -4))
    const first = entries.next()
    // Long enough for the reader to have looked at the first part, most of the time; right in any case.
    setTimeout(() => appendFileSync(path, bytes.subarray(-4)), 300)
    expect((await first).value).toMatchObject({ file: 'queue', message: 'whole ü' })
    stop.abort()
    expect((await entries.next()).done).toBe(true)
  })
})
