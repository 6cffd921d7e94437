import type pg from 'pg'
import { beginClaimSql, claimSql, widestWindow } from '../src/sql/claim.ts'
import type { QueueTable } from '../src/table.ts'

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: PlanNode[]
}

/** What a claim cost, whatever the machine was doing meanwhile. */
export interface ClaimCost {
  /** Pages touched, hit or read. */
  pages: number
  /** Relations that were scanned from end to end. */
  seqScans: string[]
  rows: number
}

const nil = '00000000-0000-0000-0000-000000000000'

/** A claim prepared on one connection, whose plan stays as it was made. */
export class PreparedClaim {
  readonly #client: pg.PoolClient
  readonly #begin: string

  private constructor(client: pg.PoolClient, table: QueueTable) {
    this.#client = client
    this.#begin = beginClaimSql(table)
  }

  /** Prepares and runs the claim, so that its plan is kept from here on. */
  static async open(pool: pg.Pool, table: QueueTable): Promise<PreparedClaim> {
    const client = await pool.connect()
    await client.query(
      `prepare claim (int, float8, int, int, uuid[], uuid[], int, int, timestamptz, uuid, uuid, text, int, uuid[], uuid, int) as
      ${claimSql(table)}`,
    )
    const claim = new PreparedClaim(client, table)
    await claim.cost()
    return claim
  }

  /** Explains a claim while running it, and undoes it. */
  async cost({
    limit = 500,
    floor = '-infinity',
    start = nil,
    slow = '{}',
    since = nil,
    window = widestWindow,
  } = {}): Promise<ClaimCost> {
    const fair = Math.ceil(limit / 10)
    await this.#client.query(this.#begin)
    try {
      const { rows } = await this.#client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `explain (analyze, buffers, timing off, format json) execute claim
        (${limit}, 30000, ${fair}, ${limit}, '{}', '{}', ${limit}, 16, '${floor}', '${start}', '${nil}', '', ${fair},
        '${slow}', '${since}', ${window})`,
      )
      const plan = rows[0]?.['QUERY PLAN'][0].Plan
      if (!plan) throw new Error('no plan')
      const found = {
        pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
        seqScans: seqScans(plan),
      }
      return { ...found, rows: (plan as PlanNode & { 'Actual Rows': number })['Actual Rows'] - 1 }
    } finally {
      await this.#client.query('rollback')
    }
  }

  close(): void {
    this.#client.release(true)
  }
}

function seqScans(node: PlanNode): string[] {
  const here = node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? '?'] : []
  return [...here, ...(node.Plans ?? []).flatMap(seqScans)]
}
