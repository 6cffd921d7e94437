import { parseArgs } from 'node:util'
import pg from 'pg'
import { createCapture } from '../src/create-capture.ts'
import { request } from './support.ts'

/** Takes one event in and projects it, as an ingest does, until somebody kills it. */
const { values } = parseArgs({
  options: { url: { type: 'string' }, body: { type: 'string' }, id: { type: 'string' } },
})
const pool = new pg.Pool({ connectionString: values.url, max: 2 })
const capture = createCapture({ pool, leaseMs: 1_500, patienceMs: 60_000 })
await capture.accept(request(values.body, { requestId: values.id ?? null }))
