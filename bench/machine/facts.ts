import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import pg from 'pg'
import { percentile } from '../report/statistics.ts'
import type { Cluster } from './postgres.ts'

/** What a reader needs to know about the machine to judge the figures. */
export async function machineFacts(cluster: Cluster): Promise<Record<string, string>> {
  const [cpu] = cpus()
  return {
    machine: `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
    node: process.version,
    ...cluster.facts,
    commit: `${(await commitMs(cluster)).toFixed(2)} ms for one row alone (median of 200)`,
    load: `${loadavg()[0]?.toFixed(2)} before the run${steal()}`,
  }
}

/** How long a single small commit takes, the floor of every durable answer. */
async function commitMs(cluster: Cluster): Promise<number> {
  const client = new pg.Client({ connectionString: await cluster.createDatabase('commit') })
  await client.connect()
  await client.query('create table commits (at timestamptz)')
  const times: number[] = []
  for (let index = 0; index < 200; index++) {
    const start = performance.now()
    await client.query('insert into commits values (now())')
    times.push(performance.now() - start)
  }
  await client.end()
  await cluster.dropDatabase('commit')
  return percentile(times, 0.5)
}

/** CPU time that the host has taken away since boot, where the kernel tells. */
function steal(): string {
  if (process.platform !== 'linux') return ''
  const fields = execFileSync('head', ['-1', '/proc/stat'], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const total = fields.slice(0, 8).reduce((sum, value) => sum + value, 0)
  return `, steal ${(((fields[7] ?? 0) / total) * 100).toFixed(1)} % since boot`
}
