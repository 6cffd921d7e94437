import { afterAll, beforeAll } from 'vitest'
import { startPostgres, type TestDatabase } from '../test/postgres.ts'
import { postgresBackend } from '../test/postgres-backend.ts'
import { queueConformance } from './conformance/index.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await startPostgres()
})
afterAll(() => database?.stop())

queueConformance(postgresBackend(() => database))
