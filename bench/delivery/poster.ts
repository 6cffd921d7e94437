import { Pool } from 'undici'
import { type AttemptWriter, openAttemptWriter } from './attempts.ts'
import type { AttemptMode } from './contender.ts'

/** What a peer's handler does: POST the body with undici, then have the attempt's row written. */
export interface Handler {
  deliver(delivery: string, url: string, body: string): Promise<void>
  close(): Promise<void>
}

const CONNECTIONS = 100

export async function openHandler(
  connectionString: string,
  origin: string,
  mode: AttemptMode,
): Promise<Handler> {
  const pool = new Pool(origin, { connections: CONNECTIONS })
  const attempts: AttemptWriter = await openAttemptWriter(connectionString, mode)
  return {
    async deliver(delivery, url, body) {
      const startedAt = new Date()
      const start = performance.now()
      const response = await pool.request({
        path: url.slice(origin.length),
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      await response.body.dump()
      const durationMs = performance.now() - start
      await attempts.write({ delivery, url, status: response.statusCode, durationMs, startedAt })
      if (response.statusCode >= 300) throw new Error(`the receiver answered ${response.statusCode}`)
    },
    async close() {
      await Promise.all([pool.close(), attempts.close()])
    },
  }
}
