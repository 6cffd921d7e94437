import { createServer } from 'node:net'
import { readConfig, serve, tell } from '../machine/child-side.ts'
import { MessageSplitter } from './http-parser.ts'

/** A receiver that answers 200 to everything and counts; with `times` it also notes when each `"seq":n` came. */
const { times } = readConfig<{ times: boolean }>()
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
let count = 0
let receipts: [seq: number, microseconds: number][] = []

const server = createServer({ noDelay: true }, (socket) => {
  const splitter = new MessageSplitter((_head, body) => {
    count++
    if (times) note(body)
    socket.write(ANSWER)
  })
  socket.on('data', (chunk) => {
    try {
      splitter.push(chunk)
    } catch {
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
})

function note(body: Buffer): void {
  const microseconds = Number(process.hrtime.bigint() / 1_000n)
  const match = /"seq":\s*(\d+)/.exec(body.toString('latin1'))
  if (match !== null) receipts.push([Number(match[1]), microseconds])
}

serve({
  count: () => ({ count }),
  reset: () => {
    count = 0
    receipts = []
    return {}
  },
  receipts: () => ({ receipts }),
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  tell('listening', { port: typeof address === 'object' ? address?.port : undefined })
})
