import { and, eq, isNull } from 'drizzle-orm'
import type pg from 'pg'
import { database } from '../database.ts'
import { apps } from '../schema/index.ts'

/** Whether there is an app of this id that was not deleted. */
export async function appExists(pool: pg.Pool, id: string): Promise<boolean> {
  const rows = await database(pool)
    .select({ id: apps.id })
    .from(apps)
    .where(and(eq(apps.id, id), isNull(apps.deletedAt)))
  return rows.length > 0
}
