import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../packages/db/src/testing/test-database.ts'

const docs = resolve(import.meta.dirname, '../docs')

/** Every SQL example of the documentation, with its placeholders filled in. */
const examples = globSync('**/*.md', { cwd: docs }).flatMap((page) =>
  [...readFileSync(join(docs, page), 'utf8').matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => ({
    page,
    sql: sql.replaceAll('<uuid>', '00000000-0000-7000-8000-000000000000').replaceAll(/<\w+>/g, 'x'),
  })),
)

describe('the SQL in the documentation', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase({ max: 1 })
  })
  afterAll(() => database?.drop())

  it('is found', () => {
    expect(examples.length).toBeGreaterThan(3)
  })

  it.each(examples)('of $page runs on the schema', async ({ sql }) => {
    await expect(database.pool.query(sql)).resolves.toHaveProperty('rows')
  })
})
