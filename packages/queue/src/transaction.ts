import type pg from 'pg'

/**
 * Runs `work` on a client of the pool; what it begins is rolled back when it throws. A connection that breaks
 * while no query runs on it says so by an event, which would end the process if nobody listened; the next query
 * on it fails then.
 */
export async function onClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    return await work(client)
  } catch (error) {
    await client.query('rollback').catch(onError)
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}
