import { expect, it } from 'vitest'
import { createTestDatabase } from '../../packages/db/src/testing/index.ts'
import { createReceiver } from '../../packages/testing/src/index.ts'
import { publish, subscribe } from './support/api.ts'
import { Stack } from './support/stack.ts'
import { until } from './support/until.ts'

it('goes on when whoever reads the logs is gone, and stops in order', async () => {
  await using database = await createTestDatabase()
  await using receiver = await createReceiver({ keepBodies: false })
  await using stack = await Stack.open(database.url)
  const services = [await stack.ingest(), await stack.worker()]
  await subscribe(stack.ingestUrl, receiver.url(), ['*'])
  for (const service of services) service.stopReading()
  // Each request is a line of the log; more of them than any pipe holds.
  for (let n = 0; n < 400; n++) expect((await fetch(`${stack.ingestUrl}/api/v1/nowhere`)).status).toBe(404)
  await publish(stack.ingestUrl, 'still', 20)
  await until('all of it arrives', () => receiver.ids().length === 20)
  for (const service of services) expect(await service.terminate()).toEqual({ code: 0, signal: null })
})
