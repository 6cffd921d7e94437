import pg from 'pg'

/** One step of a plan, as `EXPLAIN (FORMAT JSON)` tells it. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Rows Removed by Filter'?: number
  readonly 'Actual Loops'?: number
  readonly 'Plan Rows': number
  readonly Plans?: readonly PlanNode[]
}

interface Recorded {
  readonly text: string
  readonly values: unknown[]
}

const HAS_PLAN = /^\s*(with|select|insert|update|delete)\b/i
const IS_SETTING = /^\s*(begin|set)\b/i

/**
 * The plans of every statement that some work runs, each asked for under the settings that stood before it. With
 * `analyze` each is run, and rolled back: what the work itself did is done by then.
 */
export async function plansOf(
  url: string,
  work: (pool: pg.Pool) => Promise<unknown>,
  options: { analyze?: boolean; settings?: string } = {},
): Promise<PlanNode[]> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    ...(options.settings !== undefined && {
      onConnect: async (client) => void (await client.query(options.settings ?? '')),
    }),
  })
  const recorded: Recorded[] = []
  pool.on('connect', (client) => record(client, recorded))
  try {
    await work(pool)
    const client = await pool.connect()
    const statements = recorded.splice(0)
    const plans: PlanNode[] = []
    for (const [at, statement] of statements.entries()) {
      if (!HAS_PLAN.test(statement.text)) continue
      await client.query('begin')
      const before = statements
        .slice(0, at)
        .filter(({ text }) => IS_SETTING.test(text))
        .at(-1)
      for (const setting of before?.text.split(';') ?? [])
        if (/^\s*set\b/i.test(setting)) await client.query(setting)
      plans.push(await explain(client, statement, options.analyze ?? false))
      await client.query('rollback')
    }
    client.release()
    return plans
  } finally {
    await pool.end()
  }
}

function record(client: pg.PoolClient, recorded: Recorded[]): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const recording = (first: unknown, second?: unknown, ...rest: unknown[]) => {
    const isConfig = typeof first === 'object' && first !== null && 'text' in first
    const text = isConfig ? String(first.text) : String(first)
    const values = isConfig && 'values' in first && Array.isArray(first.values) ? first.values : second
    recorded.push({ text, values: Array.isArray(values) ? values : [] })
    return query(first, second, ...rest)
  }
  Object.assign(client, { query: recording })
}

async function explain(
  client: pg.PoolClient,
  { text, values }: Recorded,
  analyze: boolean,
): Promise<PlanNode> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (format json${analyze ? ', analyze' : ''}) ${text}`,
    values,
  )
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  if (!plan) throw new Error('there is no plan')
  return plan
}

/** Every step of some plans. */
export function steps(plans: readonly PlanNode[]): PlanNode[] {
  return plans.flatMap((plan) => [plan, ...steps(plan.Plans ?? [])])
}

/** Tables that are read from end to end. */
export const tablesScanned = (plans: readonly PlanNode[]): string[] =>
  steps(plans)
    .filter((step) => step['Node Type'] === 'Seq Scan')
    .map((step) => step['Relation Name'] ?? '')

/** Tables of more than a thousand rows: to read a small one whole is no fault. */
export async function largeTables(pool: pg.Pool): Promise<Set<string>> {
  const { rows } = await pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'posthorn' and c.relkind = 'r'
        and (xpath('/row/n/text()', query_to_xml('select count(*) as n from (select 1 from posthorn.' || c.relname || ' limit 1001) t', false, true, '')))[1]::text::int > 1000`,
  )
  return new Set(rows.map((row) => row.name))
}

/** Indexes that are used, without the parts of a partition's name that the day decides. */
export const indexesUsed = (plans: readonly PlanNode[]): string[] =>
  [
    ...new Set(
      steps(plans).flatMap((step) => (step['Index Name'] ? [step['Index Name'].replace(/_p\d{8}/, '')] : [])),
    ),
  ].sort()

/** The most rows that one step of an analysed plan looked at in vain. */
export const mostRowsInVain = (plans: readonly PlanNode[]): number =>
  Math.max(
    0,
    ...steps(plans).map((step) => (step['Rows Removed by Filter'] ?? 0) * (step['Actual Loops'] ?? 1)),
  )
