import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that can stop passing anything on without closing a line, as a dead peer behind a NAT does. */
export interface BlackHole {
  port: number
  /** Lines opened so far. */
  readonly lines: number
  /** True: swallows what existing and new lines send, both ways. */
  swallow(isOn: boolean): void
  close(): Promise<void>
}

export async function openBlackHole(targetPort: number, targetHost = '127.0.0.1'): Promise<BlackHole> {
  let isOn = false
  let lines = 0
  const sockets = new Set<Socket>()
  const server = createServer((inner) => {
    lines += 1
    const outer = connect(targetPort, targetHost)
    // A line that was swallowed once stays dead.
    let isDead = false
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        isDead ||= isOn
        if (!isDead) to.write(chunk)
      })
      from.on('error', () => undefined)
      from.on('close', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return {
    port: address.port,
    get lines() {
      return lines
    },
    swallow(value) {
      isOn = value
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
