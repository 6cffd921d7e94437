import { createTestDatabase } from '@posthorn/db/testing'
import { expect, it } from 'vitest'
import { openServicePool } from './from-config.ts'

it('lives through the loss of a connection that is checked out between two statements', async () => {
  await using database = await createTestDatabase()
  const pool = openServicePool({ DATABASE_URL: database.url }, { max: 1, name: 'cut' })
  try {
    const client = await pool.connect()
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    // Not `once` of node:events: that would listen for errors too, which is what is tested.
    const ended = new Promise<void>((resolve) => client.on('end', () => resolve()))
    await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    await ended
    await expect(client.query('select 1')).rejects.toThrow()
    client.release(true)
    expect((await pool.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }])
  } finally {
    await pool.end()
  }
})
