import { ConflictError, NotFoundError } from '@posthorn/core'
import type pg from 'pg'
import { deadLetterChange } from '../changes/dead-letter-change.ts'
import { inTransaction } from '../database.ts'
import { type Delivery, DeliveryRepository } from './delivery-repository.ts'

const MISSING = 'There is no such delivery.'

interface Locked {
  status: string
  queued: 'pending' | 'processing' | 'halted' | null
}

/**
 * A person asks for another try. One that waits becomes due now; one that is over gets its endpoint's number of tries
 * on top and a new term, keeps its id (and with it its `webhook-id`), and leaves the dead letters.
 *
 * @param by who asked, for the dead letter's record
 * @returns the delivery as this left it, whatever a worker does with it right after
 * @throws NotFoundError; ConflictError when it is being tried at this moment, was delivered or cancelled
 */
export async function retryDelivery(pool: pg.Pool, appId: string, id: string, by: string): Promise<Delivery> {
  return inTransaction(pool, async (client) => {
    const { status, queued } = await lock(client, appId, id)
    if (queued === 'processing') throw new ConflictError('The delivery is being tried right now.')
    if (queued === 'pending') {
      await client.query('update posthorn.delivery_queue set next_attempt_at = now() where id = $1', [id])
    } else if (status === 'failed' || status === 'dead') {
      await requeue(client, id, by)
    } else {
      throw new ConflictError(
        `The delivery is ${status}; only one that waits, failed or is dead can be tried again.`,
      )
    }
    await client.query(`select pg_notify('posthorn_due', '')`)
    const delivery = await new DeliveryRepository(client).get(appId, id)
    if (!delivery) throw new NotFoundError(MISSING)
    return delivery
  })
}

async function requeue(client: pg.PoolClient, id: string, by: string): Promise<void> {
  await client.query(
    `with again as (
       update posthorn.deliveries d
          set status = 'pending', failed_at = null,
              max_attempts = d.attempt_count + greatest((e.retry ->> 'maxAttempts')::int, 1),
              expires_at = now() + (e.retry ->> 'maxAgeMs')::bigint * interval '1 millisecond'
         from posthorn.endpoints e where d.id = $1 and e.id = d.endpoint_id
       returning d.id, d.endpoint_id, d.attempt_count, d.expires_at
     )
     insert into posthorn.delivery_queue (id, endpoint_id, next_attempt_at, attempt_count, expires_at)
     select id, endpoint_id, now(), attempt_count, expires_at from again
     on conflict (id) do update set status = 'pending', next_attempt_at = now(), expires_at = excluded.expires_at`,
    [id],
  )
  await client.query(
    `with requeued as (
       update posthorn.dead_letters set requeued_at = now(), requeued_by = $2
        where delivery_id = $1 and requeued_at is null and discarded_at is null
       returning id, app_id, delivery_id, event_id, endpoint_id, reason
     )
     insert into posthorn.changes (app_id, type, data) select app_id, 'dead_letter', ${deadLetterChange('requeued')} from requeued`,
    [id, by],
  )
}

/**
 * A person calls a delivery off. One that is being tried is marked: what comes of the try decides. One that failed and
 * halts its ordering key is given up, so that those behind it go on.
 *
 * @returns `cancelled`, or `requested` when it is being tried at this moment
 * @throws NotFoundError; ConflictError when it is over
 */
export async function cancelDelivery(
  pool: pg.Pool,
  appId: string,
  id: string,
): Promise<'cancelled' | 'requested'> {
  return inTransaction(pool, async (client) => {
    const { status, queued } = await lock(client, appId, id)
    if (queued === 'processing') {
      await client.query('update posthorn.delivery_queue set cancel_requested = true where id = $1', [id])
      return 'requested'
    }
    if (queued === null) throw new ConflictError(`The delivery is ${status} already.`)
    await client.query('delete from posthorn.delivery_queue where id = $1', [id])
    await client.query(`update posthorn.deliveries set status = 'cancelled' where id = $1`, [id])
    if (queued === 'halted') {
      await client.query(
        `with discarded as (
           update posthorn.dead_letters set discarded_at = now()
            where delivery_id = $1 and requeued_at is null and discarded_at is null
           returning id, app_id, delivery_id, event_id, endpoint_id, reason
         )
         insert into posthorn.changes (app_id, type, data)
         select app_id, 'dead_letter', ${deadLetterChange('discarded')} from discarded`,
        [id],
      )
      await client.query(`select pg_notify('posthorn_due', '')`)
    }
    return 'cancelled'
  })
}

/**
 * Lets the ordering keys of an endpoint go on behind deliveries that failed. Those stay failed, with their dead letters.
 * What is being tried under the old setting may halt its key a moment later: the sweep takes such ones.
 */
export async function releaseHaltedKeys(client: pg.ClientBase, endpointId: string): Promise<void> {
  const { rowCount } = await client.query(
    `with halted as materialized (
       select id from posthorn.delivery_queue
        where endpoint_id = $1 and ordering_key is not null and status = 'halted'
        order by id for update
     )
     delete from posthorn.delivery_queue where id = any(array(select id from halted))`,
    [endpointId],
  )
  if (rowCount) await client.query(`select pg_notify('posthorn_due', '')`)
}

async function lock(client: pg.PoolClient, appId: string, id: string): Promise<Locked> {
  const queue = await client.query<{ queued: Locked['queued'] }>(
    'select status as queued from posthorn.delivery_queue where id = $1 for update',
    [id],
  )
  const { rows } = await client.query<{ status: string }>(
    'select status from posthorn.deliveries where id = $1 and app_id = $2 for update',
    [id, appId],
  )
  const [delivery] = rows
  if (!delivery) throw new NotFoundError(MISSING)
  return { status: delivery.status, queued: queue.rows[0]?.queued ?? null }
}
