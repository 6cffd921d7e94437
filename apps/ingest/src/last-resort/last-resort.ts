import { UnavailableError } from '@posthorn/core'

/** While the database does not answer, what it said last holds for so long, milliseconds. */
export const LAST_RESORT_MS = 60_000

/** The longest that a look is waited for where nothing is known. */
const LIMIT_MS = 5_000

/** How long a request waits for a look into the database before it goes by what is known. */
const PATIENCE_MS = 250

/** What a look brings, or an error that it took too long: a database that is stopped may never answer. */
export function inTime<T>(looking: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new UnavailableError('The database does not answer.')), LIMIT_MS)
    looking.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What a look brings; what was known before where it fails or takes too long. */
export function orElse<T>(looking: Promise<T>, known: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS, known)
    looking
      .catch(() => known)
      .then(resolve)
      .finally(() => clearTimeout(timer))
  })
}
