import { uuidv7 } from '@posthorn/core'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertEndpoint, newEndpoint } from '../test/support.ts'
import { database, inTransaction } from './database.ts'
import { endpoints } from './schema/index.ts'
import { createTestDatabase, type TestDatabase } from './testing/index.ts'

describe('database', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await createTestDatabase()
  })
  afterAll(() => db.drop())

  it('passes PostgreSQL’s own errors on, without the parameters of the query', async () => {
    const { id } = await insertEndpoint(db.pool)
    const secret = 'https://example.test/?token=hush'
    const error = await insertEndpoint(db.pool, { ...newEndpoint({ url: secret }), id }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: '23505', constraint: 'endpoints_pkey' })
    expect(`${error} ${(error as Error).stack} ${String((error as Error).cause)}`).not.toContain('hush')
    await expect(database(db.pool).select().from(endpoints).where(sql`1 / ${0} = 1`)).rejects.toMatchObject({
      code: '22012',
    })
  })

  it('rolls back what a transaction threw over, and gives the connection back', async () => {
    const id = uuidv7()
    for (let round = 0; round < 12; round += 1) {
      const failing = inTransaction(db.pool, async (client) => {
        await client.query(`insert into posthorn.apps (id, name) values ($1, 'undone')`, [id])
        throw new Error('on purpose')
      })
      await expect(failing).rejects.toThrow('on purpose')
    }
    expect((await db.pool.query('select 1 from posthorn.apps where id = $1', [id])).rows).toEqual([])
    expect(db.pool.idleCount).toBe(db.pool.totalCount)
  })
})
