import { Queue, Worker } from 'bullmq'
import type { Contender, Scene } from '../contender.ts'
import { openHandler } from '../poster.ts'

const QUEUE = 'deliveries'
const PREFIX = 'posthorn-bench'
const INSERT_SIZE = 1_000
const CONCURRENCY = 100

interface Payload {
  url: string
  body: string
}

export const bullmqRedis: Contender = {
  settings: `Redis backend, concurrency ${CONCURRENCY}, removeOnComplete; attempt rows in PostgreSQL`,

  async prepare(scene) {
    await withQueue(scene, (queue) => queue.obliterate({ force: true }))
  },

  async preload(scene, jobs) {
    await withQueue(scene, async (queue) => {
      for (let start = 0; start < jobs.length; start += INSERT_SIZE) {
        const slice = jobs.slice(start, start + INSERT_SIZE)
        await queue.addBulk(slice.map((job) => ({ name: 'deliver', data: { url: job.url, body: job.body } })))
      }
    })
  },

  async countUnfinished(_query, scene) {
    let counts: Record<string, number> = {}
    await withQueue(scene, async (queue) => {
      counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'failed', 'completed')
    })
    return Object.values(counts).reduce((sum, count) => sum + count, 0)
  },

  async openWorker({ connectionString, redisUrl, origin, mode }) {
    const handler = await openHandler(connectionString, origin, mode)
    const worker = new Worker<Payload>(
      QUEUE,
      ({ id, data }) => handler.deliver(String(id), data.url, data.body),
      {
        connection: { ...connection(redisUrl), maxRetriesPerRequest: null },
        prefix: PREFIX,
        concurrency: CONCURRENCY,
        removeOnComplete: { count: 0 },
        autorun: false,
      },
    )
    worker.on('error', (error) => process.stderr.write(`bullmq: ${error.message}\n`))
    await worker.waitUntilReady()
    return {
      async start() {
        void worker.run()
      },
      async stop() {
        await worker.close()
        await handler.close()
      },
    }
  },

  async cleanUp(scene) {
    await withQueue(scene, (queue) => queue.obliterate({ force: true }))
  },
}

async function withQueue(scene: Scene, use: (queue: Queue) => Promise<void>): Promise<void> {
  const queue = new Queue(QUEUE, { connection: connection(scene.redisUrl), prefix: PREFIX })
  queue.on('error', () => undefined)
  try {
    await use(queue)
  } finally {
    await queue.close()
  }
}

function connection(redisUrl: string | undefined): { host: string; port: number } {
  if (redisUrl === undefined) throw new Error('there is no Redis')
  const { hostname, port } = new URL(redisUrl)
  return { host: hostname, port: Number(port) }
}
