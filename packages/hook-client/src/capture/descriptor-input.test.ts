import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { DescriptorInput, type Read } from './descriptor-input.ts'
import { INPUT_LIMITS, readInput } from './read-input.ts'

type Piece = string | NodeJS.ErrnoException

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })
const noStream = () => {
  throw new Error('the stream is not needed')
}

/** Gives the pieces one after the other, and then nothing any more, as a descriptor that stays open. */
function reads(pieces: readonly Piece[]): Read & { count: () => number } {
  let count = 0
  const read: Read = (_fd, buffer, done) => {
    const piece = pieces[count]
    count += 1
    setImmediate(() => {
      if (typeof piece === 'string') done(null, buffer.write(piece))
      else if (piece !== undefined) done(piece, 0)
    })
  }
  return Object.assign(read, { count: () => count })
}

const END = ''

it('gives what comes, to the end', async () => {
  const read = reads(['{"a":', '"ü"', '} x', END])
  const input = await readInput(() => new DescriptorInput(0, noStream, read))
  expect(input).toEqual({ text: '{"a":"ü"} x', receivedBytes: 12, end: 'closed' })
})

it('leaves no thread behind that reads, where a whole document has come', async () => {
  const read = reads(['{"a":1}\n'])
  const stdin = new DescriptorInput(0, noStream, read)
  expect(stdin.isReading).toBe(true)
  expect(await readInput(() => stdin)).toMatchObject({ text: '{"a":1}\n', end: 'complete' })
  expect([stdin.isReading, read.count()]).toEqual([false, 1])
})

it('tells that a thread still reads, where nothing more came in time', async () => {
  const stdin = new DescriptorInput(0, noStream, reads(['{"a":']))
  const limits = { ...INPUT_LIMITS, idleMs: 50 }
  expect(await readInput(() => stdin, limits)).toMatchObject({ text: '{"a":', end: 'deadline' })
  expect(stdin.isReading).toBe(true)
})

it('gives nothing of what comes after it was paused', async () => {
  const stdin = new DescriptorInput(0, noStream, reads(['late', 'later']))
  const taken: unknown[] = []
  stdin.on('data', (chunk) => taken.push(chunk))
  stdin.pause()
  await expect.poll(() => stdin.isReading).toBe(false)
  expect(taken).toEqual([])
})

it('goes on with the stream of a descriptor that does not block', async () => {
  const stream = new PassThrough()
  const read = reads(['{"a":', failure('EAGAIN')])
  const reading = readInput(() => new DescriptorInput(0, () => stream, read))
  stream.write('1')
  setImmediate(() => stream.end('}'))
  expect(await reading).toMatchObject({ text: '{"a":1}', receivedBytes: 7 })
  expect(stream.isPaused()).toBe(true)
})

it('ends where the descriptor is broken, and where its stream cannot be opened', async () => {
  const broken = new DescriptorInput(0, noStream, reads(['{"a"', failure('EIO')]))
  expect(await readInput(() => broken)).toEqual({ text: '{"a"', receivedBytes: 4, end: 'error' })
  const unopened = new DescriptorInput(0, noStream, reads([failure('EAGAIN')]))
  expect(await readInput(() => unopened)).toMatchObject({ text: '', end: 'error' })
})
