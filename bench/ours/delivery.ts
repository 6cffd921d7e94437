import type { Posthorn } from '@posthorn/engine'
import type { Contender } from '../delivery/contender.ts'
import { DESTINATIONS, destinationPath, type Job } from '../delivery/jobs.ts'
import { openPosthorn, withPosthorn } from './engine.ts'

const PUBLISH_SIZE = 500
const GRACE_MS = 5_000

/** Each endpoint subscribes to a type of its own, so one event makes one delivery. */
const typeOf = (destination: number) => `bench.destination_${destination}`

/** Posthorn itself: signed, with circuit breaker, network policy and attempts, default limits per endpoint. */
export const posthorn: Contender = {
  settings: `defaults (signed v1, breaker, network policy, 16 in flight per endpoint), ${DESTINATIONS} endpoints`,

  async prepare({ connectionString }) {
    await withPosthorn(connectionString, (posthorn) => posthorn.migrate())
  },

  async preload({ connectionString }, jobs) {
    await withPosthorn(connectionString, async (posthorn) => {
      await createEndpoints(posthorn, new URL(jobs[0]?.url ?? '').origin)
      for (let start = 0; start < jobs.length; start += PUBLISH_SIZE)
        await publish(posthorn, jobs.slice(start, start + PUBLISH_SIZE))
    })
  },

  countUnfinished: (query) => query(`select count(*) from posthorn.deliveries where status <> 'delivered'`),

  countAttempts: (query) => query('select count(*) from posthorn.attempts where success'),

  async openWorker({ connectionString }) {
    const posthorn = await openPosthorn(connectionString)
    return {
      start: () => posthorn.start(),
      stop: () => posthorn.stop({ graceMs: GRACE_MS }),
    }
  },

  async openProducer({ connectionString }) {
    const posthorn = await openPosthorn(connectionString)
    let created: Promise<void> | undefined
    return {
      async enqueue(job) {
        created ??= createEndpoints(posthorn, new URL(job.url).origin)
        await created
        await publish(posthorn, [job])
      },
      close: () => posthorn.stop({ graceMs: GRACE_MS }),
    }
  },
}

async function publish(posthorn: Posthorn, jobs: readonly Job[]): Promise<void> {
  const { rawJson } = await import('@posthorn/engine')
  const events = jobs.map((job) => ({ type: typeOf(job.seq % DESTINATIONS), payload: rawJson(job.body) }))
  for (const accepted of await posthorn.publishMany(events)) if (!accepted.ok) throw accepted.error
}

async function createEndpoints(posthorn: Posthorn, origin: string): Promise<void> {
  for (let destination = 0; destination < DESTINATIONS; destination++)
    await posthorn.endpoints.create({
      url: `${origin}${destinationPath(destination)}`,
      eventTypes: [typeOf(destination)],
    })
}
