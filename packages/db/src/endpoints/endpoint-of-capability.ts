import type pg from 'pg'

/** The endpoint (uuid) of a capability, as long as the manifest of its app names it. */
export async function endpointOfCapability(
  client: pg.Pool | pg.ClientBase,
  appId: string,
  capability: string,
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `select id from posthorn.endpoints
      where app_id = $1 and capability = $2 and origin = 'manifest' and deleted_at is null`,
    [appId, capability],
  )
  return rows[0]?.id
}
