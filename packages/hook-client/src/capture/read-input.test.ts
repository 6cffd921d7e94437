import { PassThrough, Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { INPUT_LIMITS, readInput } from './read-input.ts'

const DOCUMENT = '{"hook_event_name":"Stop","text":"a}b"}'

it('reads to the end, in whatever pieces it comes', async () => {
  const bytes = Buffer.from('{"text":"ü€😀"}')
  for (const size of [1, 2, 3, 7, 100]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    const { text, end } = await readInput(() => Readable.from(pieces, { objectMode: false }))
    expect(text).toBe('{"text":"ü€😀"}')
    expect(['closed', 'complete']).toContain(end)
  }
})

it('needs no end when the document is whole', async () => {
  const stdin = new PassThrough()
  stdin.write(`${DOCUMENT.slice(0, 36)}`)
  setImmediate(() => stdin.write(`${DOCUMENT.slice(36)}\n`))
  expect(await readInput(() => stdin)).toMatchObject({ text: `${DOCUMENT}\n`, end: 'complete' })
})

it('waits for the rest of a document that only looks whole', async () => {
  const stdin = new PassThrough()
  stdin.write('{"a":"}')
  setTimeout(() => stdin.end('"}'), 30)
  expect(await readInput(() => stdin)).toMatchObject({ text: '{"a":"}"}' })
})

it('gives up on a stdin that stays open, with what came', async () => {
  const limits = { ...INPUT_LIMITS, idleMs: 50, totalMs: 5_000 }
  const stdin = new PassThrough()
  stdin.write('{"a":')
  expect(await readInput(() => stdin, limits)).toEqual({ text: '{"a":', receivedBytes: 5, end: 'deadline' })
  const silent = { ...INPUT_LIMITS, totalMs: 50 }
  expect(await readInput(() => new PassThrough(), silent)).toMatchObject({ text: '', end: 'deadline' })
})

it('takes what lies ready after the process could not run for a while', async () => {
  const stdin = new PassThrough()
  const reading = readInput(() => stdin, { ...INPUT_LIMITS, totalMs: 300 })
  setImmediate(() => {
    // Holds the loop for longer than the deadline; what comes meanwhile is there when it goes on.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    setImmediate(() => stdin.end(DOCUMENT))
  })
  expect(await reading).toMatchObject({ text: DOCUMENT, end: expect.stringMatching(/closed|complete/) })
})

it('keeps no more than it may, and lets the tool finish writing', async () => {
  const stdin = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(1_000, 'x')))
  const { text, receivedBytes } = await readInput(() => stdin, { ...INPUT_LIMITS, maxBytes: 4_500 })
  expect(text).toHaveLength(4_500)
  expect(receivedBytes).toBe(100_000)
})

it('ends on a stdin that is broken or cannot be opened', async () => {
  const broken = new PassThrough()
  setImmediate(() => broken.destroy(new Error('EIO')))
  expect(await readInput(() => broken)).toMatchObject({ text: '', end: 'error' })
  const closed = () => {
    throw new Error('EBADF')
  }
  expect(await readInput(closed)).toMatchObject({ text: '', end: 'error' })
})
