import { describe, expect, it } from 'vitest'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { subscribe } from './support/api.ts'
import { shownId } from './support/observer.ts'
import { OwnPostgres } from './support/own-postgres.ts'
import { Senders } from './support/senders.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

const WAYS = [
  { name: 'stopped', end: (postgres: OwnPostgres) => postgres.stop() },
  { name: 'killed', end: (postgres: OwnPostgres) => postgres.crash() },
]

describe.each(WAYS)('PostgreSQL $name and started again under load', ({ end }) => {
  it('is answered 503 meanwhile, and then everything goes on by itself with nothing lost', async () => {
    await using postgres = await OwnPostgres.start()
    await using receiver = await createReceiver({
      keepBodies: false,
      script: () => ({ delayMs: Math.random() * 40 }),
    })
    // Senders, receiver and the timer of a request share two cores: a short timeout would measure those.
    await using stack = await Stack.open(postgres.url, { WEBHOOK_DELIVERY_TIMEOUT: '10000' })
    const { observer } = stack
    const ingest = await stack.ingest()
    const worker = await stack.worker()
    await subscribe(stack.ingestUrl, receiver.url(), ['*'], { maxConcurrency: 128 })
    const plain = new Senders({ ingestUrl: stack.ingestUrl, type: 'plain', width: 10 })
    const keyed = new Senders({ ingestUrl: stack.ingestUrl, type: 'keyed', width: 6, keyed: true })
    await until('it is busy', () => plain.accepted.length > 300 && receiver.ids().length > 100)

    await end(postgres)
    const acceptedBefore = plain.accepted.length + keyed.accepted.length
    const refusedBefore = plain.withStatus(503).length
    await until('many were refused', () => plain.withStatus(503).length >= refusedBefore + 100)
    // What was accepted just before it ended may have been heard of a moment later; then nothing more is.
    expect(plain.accepted.length + keyed.accepted.length - acceptedBefore).toBeLessThanOrEqual(16)
    expect(await fetch(`${stack.ingestUrl}/readyz`).then(({ status }) => status)).toBe(503)
    await postgres.restart()

    const then = plain.accepted.length
    const delivered = receiver.ids().length
    await until('events are accepted again', () => plain.accepted.length >= then + 200)
    await until('and delivered', () => receiver.ids().length >= delivered + 200)
    await Promise.all([plain.stop(), keyed.stop()])
    await until('everything is delivered', async () => (await observer.census()).queued === 0)

    expect([ingest.isRunning, worker.isRunning], `${ingest.lastWords}\n${worker.lastWords}`).toEqual([
      true,
      true,
    ])
    expect(Object.keys(plain.statuses).toSorted()).toEqual(['202', '503'])
    expect(plain.withStatus(503).filter(({ answer }) => answer.headers.get('retry-after') === null)).toEqual(
      [],
    )
    expect(plain.withStatus(503).map(({ answer }) => answer.body['code'])).not.toContain('internal')

    const eventIds = new Set([...plain.eventIds, ...keyed.eventIds])
    const onDisk = new Set(await observer.list(`select ${shownId('evt', 'id')} from posthorn.events`))
    expect([...eventIds].filter((id) => !onDisk.has(id))).toEqual([])
    expect((await observer.census()).byStatus).toEqual({ delivered: onDisk.size })
    const received = new Set(receiver.received().map(({ headers }) => headers['x-event-id']))
    expect([...onDisk].filter((id) => !received.has(id))).toEqual([])
    const keys = new Set(keyed.accepted.map(({ key }) => key)).size
    expect(await observer.count(`select count(*) from posthorn.events where event_type = 'keyed'`)).toBe(keys)
    expect(new Set(keyed.eventIds).size).toBe(keys)
    // None was refused by its receiver or cost a try; who was sent twice was in flight when the database went away.
    expect(
      await observer.list(
        `select concat_ws(' ', failure, error_code, count(*)) from posthorn.attempts where not success
         group by failure, error_code`,
      ),
    ).toEqual([])
    expect(await observer.count('select count(*) from posthorn.deliveries where attempt_count <> 1')).toBe(0)
  })
})
