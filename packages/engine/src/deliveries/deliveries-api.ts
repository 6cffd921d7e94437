import { NotFoundError } from '@posthorn/core'
import { cancelDelivery, type DeliveryRepository, retryDelivery } from '@posthorn/db'
import type pg from 'pg'
import { idOrNotFound } from '../ids.ts'
import type { DeliveriesApi, DeliveryView } from '../types.ts'
import { attemptView, deadLetterView, deliveryView } from './delivery-view.ts'

/** Deliveries on behalf of one app. */
export function createDeliveriesApi(
  appId: string,
  pool: pg.Pool,
  repository: DeliveryRepository,
): DeliveriesApi {
  const find = async (id: string): Promise<DeliveryView> => {
    const delivery = await repository.get(appId, idOrNotFound('dlv', id))
    if (!delivery) throw new NotFoundError('There is no such delivery.')
    return deliveryView(delivery)
  }

  return {
    async get(id) {
      const delivery = await find(id)
      const uuid = idOrNotFound('dlv', id)
      const [attempts, deadLetter] = await Promise.all([
        repository.attempts([uuid]),
        repository.deadLetter(uuid),
      ])
      return {
        ...delivery,
        attempts: attempts.map(attemptView),
        deadLetter: deadLetter ? deadLetterView(deadLetter) : null,
      }
    },

    async list(filter = {}) {
      const { endpointId, eventId, ...rest } = filter
      const page = await repository.list(
        appId,
        {
          ...rest,
          ...(endpointId !== undefined && { endpointId: idOrNotFound('ep', endpointId) }),
          ...(eventId !== undefined && { eventId: idOrNotFound('evt', eventId) }),
        },
        filter,
      )
      return { ...page, data: page.data.map(deliveryView) }
    },

    async retry(id, options = {}) {
      return deliveryView(await retryDelivery(pool, appId, idOrNotFound('dlv', id), options.by ?? 'library'))
    },

    async cancel(id) {
      const status = await cancelDelivery(pool, appId, idOrNotFound('dlv', id))
      return { status, delivery: await find(id) }
    },
  }
}
