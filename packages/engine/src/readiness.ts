import { PosthornError } from '@posthorn/core'
import { type DatabaseReadiness, databaseReadiness, type EndpointRepository } from '@posthorn/db'
import type pg from 'pg'

const PATIENCE_MS = 3_000

/**
 * Whether this process can keep its promises: the database is durable and migrated, and our keys open what is sealed in
 * it. Who asks wants an answer soon, above all when the database gives none: that comes within three seconds.
 */
export async function readiness(pool: pg.Pool, endpoints: EndpointRepository): Promise<DatabaseReadiness> {
  const silent: DatabaseReadiness = { ready: false, problems: ['the database does not answer'] }
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<DatabaseReadiness>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, silent)
  })
  try {
    return await Promise.race([ask(pool, endpoints).catch(() => silent), patience])
  } finally {
    clearTimeout(timer)
  }
}

async function ask(pool: pg.Pool, endpoints: EndpointRepository): Promise<DatabaseReadiness> {
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
