import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { INSERT_EVENT } from '../events-table.ts'
import { makeServer } from './fastify.ts'

const APP = '00000000-0000-7000-8000-000000000001'

/** As most people begin: a pool of ten, one prepared INSERT per request, 202 after its commit. */
export async function makeNaiveServer(connectionString: string): Promise<FastifyInstance> {
  const pool = new pg.Pool({ connectionString, max: 10 })
  await pool.query('select 1')
  return makeServer(async (event, request) => {
    const { rows } = await pool.query<{ id: string }>({
      name: 'insert-event',
      text: INSERT_EVENT,
      values: [
        APP,
        randomBytes(16).toString('hex'),
        event.type,
        JSON.stringify(event.payload),
        JSON.stringify({ 'content-type': request.headers['content-type'] }),
        request.ip,
      ],
    })
    return rows[0]?.id ?? ''
  })
}
