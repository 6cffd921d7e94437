import { Pool } from 'undici'
import type { Contender } from '../contender.ts'
import { makeJobs } from '../jobs.ts'

const IN_FLIGHT = 128

/** The limit: one process, undici's `dispatch`, no queue, no database, nothing recorded. */
export const undici: Contender = {
  settings: `bare dispatch, ${IN_FLIGHT} in flight, no database`,
  prepare: async () => undefined,
  preload: async () => undefined,

  async openWorker({ origin, total }) {
    const jobs = makeJobs(total, origin)
    const pool = new Pool(origin, { connections: IN_FLIGHT })
    let next = 0
    let open = 0
    let resolve = (): void => undefined
    let reject = (_error: Error): void => undefined
    const finished = new Promise<void>((onDone, onError) => {
      resolve = onDone
      reject = onError
    })
    const headers = { 'content-type': 'application/json' }
    const sendNext = () => {
      const job = jobs[next++]
      if (job === undefined) {
        if (open === 0) resolve()
        return
      }
      open++
      pool.dispatch(
        { path: job.url.slice(origin.length), method: 'POST', headers, body: job.body },
        {
          onRequestStart: () => undefined,
          onResponseStart(_controller, status) {
            if (status !== 200) reject(new Error(`the sink answered ${status}`))
          },
          onResponseData: () => undefined,
          onResponseEnd() {
            open--
            sendNext()
          },
          onResponseError: (_controller, error) => reject(error),
        },
      )
    }
    return {
      async start() {
        for (let lane = 0; lane < IN_FLIGHT; lane++) sendNext()
      },
      finished,
      stop: () => pool.destroy(),
    }
  },
}
