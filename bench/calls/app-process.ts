import { createServer } from 'node:net'
import { serve, tell } from '../machine/child-side.ts'

/** An app takes now a little less and now a little more: up to this share of its time. */
const VARIATION = 0.2
/** Fractions of its multiples are spread evenly, so that every run has the same times (the golden ratio). */
const STEP = (Math.sqrt(5) - 1) / 2

/**
 * The cheapest app there is: it finds the end of each request by its content-length and answers the same JSON after so
 * many milliseconds as the path says (`/after/<milliseconds>`), more or less, so that the figures beside it are those of
 * the caller. With the same time for all, calls that were sent together would come back together for ever.
 */
const BODY = '{"success":true,"data":{"correct":true}}'
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
)

let answers = 0
const varied = (ms: number) => ms * (1 + VARIATION * (((answers++ * STEP) % 1) * 2 - 1))

const server = createServer((socket) => {
  let pending = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let length = requestLength(pending); length <= pending.length; length = requestLength(pending)) {
      const afterMs = Number(/^POST \/after\/(\d+) /.exec(pending.toString('latin1', 0, 32))?.[1] ?? 0)
      pending = pending.subarray(length)
      if (afterMs > 0) setTimeout(() => socket.write(ANSWER), varied(afterMs))
      else socket.write(ANSWER)
    }
  })
})

function requestLength(bytes: Buffer): number {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return Number.POSITIVE_INFINITY
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  return end + 4 + Number(length ?? 0)
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  tell('listening', { port: typeof address === 'object' && address ? address.port : 0 })
})
serve({})
