import { PgBoss } from 'pg-boss'
import type { Contender } from '../contender.ts'
import { openHandler } from '../poster.ts'

const QUEUE = 'deliveries'
const INSERT_SIZE = 1_000
const BATCH_SIZE = 100
const LOCAL_CONCURRENCY = 4

interface Payload {
  url: string
  body: string
}

export const pgBoss: Contender = {
  settings: 'batchSize 100 × localConcurrency 4, perJobResults, burstWhenBatchFull, useListenNotify',

  async prepare({ connectionString }) {
    const boss = await open(connectionString)
    await boss.createQueue(QUEUE, { retryLimit: 5, notify: true })
    await close(boss)
  },

  async preload({ connectionString }, jobs) {
    const boss = await open(connectionString)
    for (let start = 0; start < jobs.length; start += INSERT_SIZE) {
      const slice = jobs.slice(start, start + INSERT_SIZE)
      await boss.insert(
        QUEUE,
        slice.map((job) => ({ data: { url: job.url, body: job.body } })),
      )
    }
    await close(boss)
  },

  countUnfinished: (query) =>
    query(`select count(*) from pgboss.job where name = '${QUEUE}' and state <> 'completed'`),

  async openWorker({ connectionString, origin, mode }) {
    const handler = await openHandler(connectionString, origin, mode)
    const boss = await open(connectionString)
    return {
      async start() {
        await boss.work<Payload>(
          QUEUE,
          {
            batchSize: BATCH_SIZE,
            localConcurrency: LOCAL_CONCURRENCY,
            perJobResults: true,
            burstWhenBatchFull: true,
            pollingIntervalSeconds: 0.5,
          },
          (jobs) =>
            Promise.all(
              jobs.map(async ({ id, data }) => {
                try {
                  await handler.deliver(id, data.url, data.body)
                  return { id, status: 'completed' as const }
                } catch (error) {
                  return { id, status: 'failed' as const, output: { message: String(error) } }
                }
              }),
            ),
        )
      },
      async stop() {
        await close(boss)
        await handler.close()
      },
    }
  },

  async openProducer({ connectionString }) {
    const boss = await open(connectionString)
    return {
      enqueue: (job) => boss.send(QUEUE, { url: job.url, body: job.body }),
      close: () => close(boss),
    }
  },
}

async function open(connectionString: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString, useListenNotify: true })
  boss.on('error', (error: unknown) => process.stderr.write(`pg-boss: ${String(error)}\n`))
  await boss.start()
  return boss
}

function close(boss: PgBoss): Promise<void> {
  return boss.stop({ graceful: true, timeout: 5_000 })
}
