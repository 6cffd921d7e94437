import { PosthornError } from '@posthorn/core'
import { type DatabaseReadiness, databaseReadiness, type EndpointRepository } from '@posthorn/db'
import type pg from 'pg'

/** Whether this process can keep its promises: the database is durable and migrated, and our keys open what is sealed in it. */
export async function readiness(pool: pg.Pool, endpoints: EndpointRepository): Promise<DatabaseReadiness> {
  const database = await databaseReadiness(pool)
  if (!database.ready || (await keysFit(endpoints))) return database
  return { ready: false, problems: ['the encryption keys do not open the stored secrets'] }
}

/**
 * A worker with other keys would take deliveries from those that can send them, and send none.
 *
 * @throws PosthornError `secret_unreadable`
 */
export async function assertKeysFit(endpoints: EndpointRepository): Promise<void> {
  // A database that does not answer yet is not a wrong key: the worker waits for it.
  const fit = await keysFit(endpoints).catch(() => true)
  if (!fit) {
    throw new PosthornError(
      'secret_unreadable',
      'The encryption keys do not open the stored secrets: this database belongs to other keys.',
    )
  }
}

/** Looks at the newest endpoint alone: an old one whose key was lost must not stop the others. */
async function keysFit(endpoints: EndpointRepository): Promise<boolean> {
  try {
    await endpoints.newest()
    return true
  } catch (error) {
    if (PosthornError.is(error) && error.code === 'secret_unreadable') return false
    throw error
  }
}
