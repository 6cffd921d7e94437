import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker'
import type { Contender } from '../contender.ts'
import type { Job } from '../jobs.ts'
import { openHandler } from '../poster.ts'

const SETTINGS = {
  concurrentJobs: 100,
  localQueue: { size: 500 },
  completeJobBatchDelay: 100,
  failJobBatchDelay: 100,
}
const TASK = 'deliver'
const INSERT_SIZE = 1_000
const logger = new Logger(() => () => undefined)

interface Payload {
  url: string
  body: string
}

export const graphileWorker: Contender = {
  settings: 'concurrentJobs 100, localQueue 500, completeJobBatchDelay 100',

  async prepare({ connectionString }) {
    await runMigrations({ connectionString, logger })
  },

  async preload({ connectionString }, jobs) {
    const utils = await makeWorkerUtils({ connectionString, logger })
    for (let start = 0; start < jobs.length; start += INSERT_SIZE)
      await utils.addJobs(jobs.slice(start, start + INSERT_SIZE).map(toSpec))
    await utils.release()
  },

  // A finished job leaves the table.
  countUnfinished: (query) => query('select count(*) from graphile_worker._private_jobs'),

  async openWorker({ connectionString, origin, mode }) {
    const handler = await openHandler(connectionString, origin, mode)
    let runner: Awaited<ReturnType<typeof run>> | undefined
    return {
      async start() {
        runner = await run({
          connectionString,
          logger,
          noHandleSignals: true,
          preset: { worker: SETTINGS },
          taskList: {
            [TASK]: async (payload, { job }) => {
              const { url, body } = payload as Payload
              await handler.deliver(job.id, url, body)
            },
          },
        })
      },
      async stop() {
        await runner?.stop()
        await handler.close()
      },
    }
  },

  async openProducer({ connectionString }) {
    const utils = await makeWorkerUtils({ connectionString, logger })
    return {
      enqueue: (job) => utils.addJob(TASK, { url: job.url, body: job.body }, { maxAttempts: 5 }),
      close: async () => void (await utils.release()),
    }
  },
}

function toSpec(job: Job) {
  return { identifier: TASK, payload: { url: job.url, body: job.body }, maxAttempts: 5 }
}
