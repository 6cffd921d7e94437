import { join } from 'node:path'
import { startChild } from '../machine/children.ts'
import { startNginxSink } from './nginx-sink.ts'

/** Where deliveries go: answers 200 to everything, counts what it got. */
export interface Sink {
  origin: string
  /** What it is, for the report. */
  description: string
  count(): Promise<number>
  reset(): Promise<void>
  stop(): Promise<void>
}

/** A sink that also knows when each numbered body arrived. */
export interface TimingSink extends Sink {
  /** Microseconds of the machine's monotonic clock (the one of `process.hrtime`) by `seq`. */
  receipts(): Promise<Map<number, number>>
}

/** nginx where it is installed, else a process of our own. */
export async function startSink(): Promise<Sink> {
  return (await startNginxSink()) ?? (await startTimingSink(false))
}

/** Our own sink: a socket server with the least HTTP/1.1 that keep-alive needs. */
export async function startTimingSink(times = true): Promise<TimingSink> {
  const child = await startChild(join(import.meta.dirname, 'sink-process.ts'), { times })
  const { port } = await child.receive('listening', 10_000)
  return {
    origin: `http://127.0.0.1:${String(port)}`,
    description: 'own socket server in its own process (Node; no nginx found)',
    count: async () => Number((await child.ask('count')).count),
    reset: async () => void (await child.ask('reset')),
    async receipts() {
      const { receipts } = await child.ask('receipts')
      return new Map(Array.isArray(receipts) ? receipts : [])
    },
    stop: () => child.stop(),
  }
}
