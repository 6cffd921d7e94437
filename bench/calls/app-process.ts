import { createServer } from 'node:net'
import { serve, tell } from '../machine/child-side.ts'

/** How long `/after` takes: what a quick app needs for its own work. */
const AFTER_MS = 20

/**
 * The cheapest app there is: it finds the end of each request by its content-length and answers the same JSON, at once
 * or (`/after`) after a while, so that the figures beside it are those of the caller.
 */
const BODY = '{"success":true,"data":{"correct":true}}'
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
)

const server = createServer((socket) => {
  let pending = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let length = requestLength(pending); length <= pending.length; length = requestLength(pending)) {
      const isLater = pending.toString('latin1', 0, 11) === 'POST /after'
      pending = pending.subarray(length)
      if (isLater) setTimeout(() => socket.write(ANSWER), AFTER_MS)
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
