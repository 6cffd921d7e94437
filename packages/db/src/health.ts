import type pg from 'pg'
import { pendingMigrations } from './migrations/migrate.ts'

/** Whether this database can keep a promise, and if not, why. */
export interface DatabaseReadiness {
  readonly ready: boolean
  readonly problems: string[]
}

/**
 * Asks the database whether what it commits stays: migrations are there, `fsync` is on, and `synchronous_commit` is at
 * least `local`.
 */
export async function databaseReadiness(pool: pg.Pool): Promise<DatabaseReadiness> {
  const problems: string[] = []
  try {
    const { rows } = await pool.query<{ fsync: string; commit: string }>(
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`,
    )
    if (rows[0]?.fsync !== 'on') problems.push('fsync is off: a crash may lose what was acknowledged')
    if (rows[0]?.commit === 'off')
      problems.push('synchronous_commit is off: a crash may lose what was acknowledged')
    const missing = await pendingMigrations(pool)
    if (missing.length > 0) problems.push(`migrations are missing: ${missing.join(', ')}`)
  } catch {
    problems.push('the database does not answer')
  }
  return { ready: problems.length === 0, problems }
}
