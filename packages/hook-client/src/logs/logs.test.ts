import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type HookLogs, logPath, openLogs } from './logs.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'posthorn-logs-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')
const entriesOf = (path: string) => linesOf(path).map((line): Record<string, unknown> => JSON.parse(line))
const messages = (path: string) => entriesOf(path).map(({ message }) => message)
const everything = () =>
  readdirSync(directory)
    .filter((name) => name.startsWith('webhook-success'))
    .flatMap((name) => messages(join(directory, name)))

async function using<T>(logs: HookLogs, work: (logs: HookLogs) => T): Promise<T> {
  try {
    return await work(logs)
  } finally {
    await logs.close()
  }
}

describe('an entry', () => {
  it('is one line of JSON with time, level, message, the ids and its fields', async () => {
    const now = () => new Date('2026-08-22T10:00:00.123Z')
    await using(openLogs({ directory, now }), (logs) => {
      logs.success('sent', {
        requestId: 'r',
        traceId: 't',
        spanId: 's',
        status: 200,
        gone: undefined,
      })
      logs.success("nobody's\nline")
    })
    expect(linesOf(logPath(directory, 'success')).map((line) => JSON.parse(line))).toEqual([
      {
        time: '2026-08-22T10:00:00.123Z',
        level: 'info',
        message: 'sent',
        requestId: 'r',
        traceId: 't',
        spanId: 's',
        status: 200,
      },
      {
        time: '2026-08-22T10:00:00.123Z',
        level: 'info',
        message: "nobody's\nline",
        requestId: null,
        traceId: null,
        spanId: null,
      },
    ])
  })

  it('goes to the file it was written for, and to no other', async () => {
    await using(openLogs({ directory, debug: true }), (logs) => {
      for (const file of ['success', 'error', 'queue'] as const) logs[file](file)
      logs.debug('debug')
    })
    const files = readdirSync(directory).sort()
    expect(files).toEqual([
      'webhook-debug.log',
      'webhook-error.log',
      'webhook-queue.log',
      'webhook-success.log',
    ])
    for (const file of files) expect(messages(join(directory, file))).toEqual([file.slice(8, -4)])
  })

  it('of level debug is written in debug mode only', async () => {
    await using(openLogs({ directory }), (logs) => logs.debug('details'))
    expect(readdirSync(directory)).toEqual([])
  })

  it('never shows a credential, in the message or in a field', async () => {
    const key = 'not-a-posthorn-key-9fz'
    await using(openLogs({ directory, secrets: [key, ''] }), (logs) => {
      logs.error(`refused ${key}`, {
        error: 'authorization: Bearer abcdefgh.ijk',
        note: 'phk_0123_abcdef',
      })
    })
    const text = readFileSync(logPath(directory, 'error'), 'utf8')
    expect(text).not.toMatch(/9fz|abcdefgh|phk_0123/)
    expect(text.match(/\[REDACTED\]/g)).toHaveLength(3)
  })

  it('is cut where a field is long', async () => {
    await using(openLogs({ directory }), (logs) => logs.error('m', { error: 'x'.repeat(100_000) }))
    expect(statSync(logPath(directory, 'error')).size).toBeLessThan(2_000)
  })
})

describe('flushing', () => {
  it('touches no disk before', () => {
    const logs = openLogs({ directory: join(directory, 'new') })
    logs.queue('one')
    expect(readdirSync(directory)).toEqual([])
    logs.flushSync()
    expect(messages(logPath(join(directory, 'new'), 'queue'))).toEqual(['one'])
    return logs.close()
  })

  it('comes by itself', async () => {
    const logs = openLogs({ directory, flushEveryMs: 5 })
    logs.queue('one')
    await expect.poll(() => readdirSync(directory)).toEqual(['webhook-queue.log'])
    await logs.close()
  })

  it('writes each entry once, when the end meets a write that is under way', async () => {
    const logs = openLogs({ directory })
    for (let i = 0; i < 200; i++) logs.queue(`first ${i}`)
    const underWay = logs.flush()
    for (let i = 0; i < 200; i++) logs.queue(`second ${i}`)
    await Promise.resolve()
    logs.flushSync()
    await underWay
    await logs.close()
    const found = messages(logPath(directory, 'queue'))
    expect(new Set(found).size).toBe(400)
  })

  it('makes files that only their owner reads', async () => {
    const folder = join(directory, 'new')
    await using(openLogs({ directory: folder }), (logs) => logs.queue('one'))
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(logPath(folder, 'queue')).mode & 0o777).toBe(0o600)
  })
})

describe('a log that cannot be written', () => {
  it('disturbs nobody, and what it kept is written once it can be', async () => {
    const blocked = join(directory, 'blocked')
    writeFileSync(blocked, 'a file where the folder should be')
    const logs = openLogs({ directory: blocked })
    logs.queue('kept')
    await logs.flush()
    logs.flushSync()
    rmSync(blocked)
    await logs.close()
    expect(messages(logPath(blocked, 'queue'))).toEqual(['kept'])
  })

  it('keeps a bounded part in memory, and says later how much was lost', async () => {
    const blocked = join(directory, 'blocked')
    writeFileSync(blocked, '')
    const logs = openLogs({ directory: blocked })
    for (let i = 0; i < 3_000; i++) logs.queue('x'.repeat(1_000))
    await logs.flush()
    rmSync(blocked)
    await logs.flush()
    logs.queue('again')
    await logs.close()
    const entries = entriesOf(logPath(blocked, 'queue'))
    const lost = entries.find(({ message }) => message === 'log entries were lost')?.['lost']
    expect(lost).toBeGreaterThan(1_000)
    expect(entries.length - 2 + Number(lost)).toBe(3_000)
  })
})

describe('rotation', () => {
  const small = { maxBytes: 2_000, keep: 5 }

  it('puts a full log aside and keeps the newest ones', async () => {
    let time = Date.parse('2026-08-22T10:00:00Z')
    await using(openLogs({ directory, ...small, now: () => new Date(time) }), async (logs) => {
      for (let i = 0; i < 200; i++) {
        time += 1_000
        logs.success(`entry ${i}`)
        await logs.flush()
      }
    })
    const aside = readdirSync(directory).filter((name) => name !== 'webhook-success.log')
    expect(aside).toHaveLength(5)
    const kept = aside.sort().flatMap((name) => messages(join(directory, name)))
    expect(kept.at(0)).not.toBe('entry 0')
    const all = [
      ...kept,
      ...(readdirSync(directory).includes('webhook-success.log')
        ? messages(logPath(directory, 'success'))
        : []),
    ]
    expect(all.at(-1)).toBe('entry 199')
    expect(all).toEqual(Array.from({ length: all.length }, (_, i) => `entry ${200 - all.length + i}`))
  })

  it('goes on although another process holds the lock, and breaks a lock that was left behind', async () => {
    const lock = `${logPath(directory, 'success')}.lock`
    writeFileSync(lock, '')
    appendFileSync(logPath(directory, 'success'), `${JSON.stringify({ message: 'x'.repeat(3_000) })}\n`)
    const logs = openLogs({ directory, ...small })
    logs.success('while it is held')
    await logs.flush()
    expect(readdirSync(directory)).toHaveLength(2)
    utimesSync(lock, new Date(0), new Date(0))
    for (const message of ['breaks it', 'rotates']) {
      logs.success(message)
      await logs.flush()
    }
    await logs.close()
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^webhook-success\.\d{4}-.*\.log$/)])
    expect(everything().slice(1)).toEqual(['while it is held', 'breaks it', 'rotates'])
  })

  it('never takes a file that is none of its own', async () => {
    const other = join(directory, 'webhook-success.mine.log')
    writeFileSync(other, 'mine')
    mkdirSync(join(directory, 'webhook-success.d'))
    await using(openLogs({ directory, maxBytes: 1, keep: 1 }), async (logs) => {
      for (let i = 0; i < 5; i++) {
        logs.success(`${i}`)
        await logs.flush()
      }
    })
    expect(readFileSync(other, 'utf8')).toBe('mine')
  })

  it('loses nothing where the folder lets nobody rename', async () => {
    const logs = openLogs({ directory, maxBytes: 1 })
    logs.success('one')
    mkdirSync(`${logPath(directory, 'success')}.lock`)
    await logs.flush()
    logs.success('two')
    await logs.close()
    chmodSync(directory, 0o700)
    expect(messages(logPath(directory, 'success'))).toEqual(['one', 'two'])
  })
})
