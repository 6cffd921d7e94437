import { openServicePool, type ServicePool } from '../../../packages/engine/src/config/index.ts'

/** How the deliveries stand. Each id has its prefix, as it has at a receiver. */
export interface Census {
  readonly events: number
  readonly deliveries: number
  readonly byStatus: Readonly<Record<string, number>>
  readonly queued: number
  readonly leased: number
}

/** A look into the database beside the services. */
export interface Observer {
  readonly pool: ServicePool
  census(): Promise<Census>
  /** The first column of a query. */
  list(text: string, values?: unknown[]): Promise<string[]>
  /** The one number that a query answers. */
  count(text: string, values?: unknown[]): Promise<number>
  close(): Promise<void>
}

/** `dlv_…` of a column of uuids. */
export const shownId = (prefix: 'dlv' | 'evt', column: string) =>
  `'${prefix}_' || replace(${column}::text, '-', '')`

export function openObserver(databaseUrl: string): Observer {
  const pool = openServicePool({ DATABASE_URL: databaseUrl }, { max: 3, name: 'observer' })
  const list = async (text: string, values: unknown[] = []): Promise<string[]> => {
    const { rows } = await pool.query<string[]>({ text, values, rowMode: 'array' })
    return rows.map(([first]) => String(first))
  }
  const count = async (text: string, values: unknown[] = []) => Number((await list(text, values))[0])
  return {
    pool,
    list,
    count,
    async census() {
      const { rows } = await pool.query<{ census: Census }>(
        `select json_build_object(
           'events', (select count(*) from posthorn.events),
           'deliveries', (select count(*) from posthorn.deliveries),
           'byStatus', coalesce((select json_object_agg(status, n)
              from (select status, count(*) as n from posthorn.deliveries group by 1) s), '{}'),
           'queued', (select count(*) from posthorn.delivery_queue),
           'leased', (select count(*) from posthorn.delivery_queue where status = 'processing')) as census`,
      )
      const [row] = rows
      if (!row) throw new Error('there is no census')
      return row.census
    },
    close: () => pool.end(),
  }
}
