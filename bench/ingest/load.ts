import { join } from 'node:path'
import { startChild } from '../machine/children.ts'
import { processTreeCpu } from '../machine/cpu.ts'
import type { Cluster } from '../machine/postgres.ts'
import type { LoadConfig } from './load-process.ts'

/** What a cell of the ingest suite found; CPU in microseconds per request. */
export interface LoadResult {
  values: Record<string, number>
  /** All 2xx answers of the cell. */
  accepted: number
}

/** Runs the load generator in its own process against a server. Throws when anything was refused or left unanswered. */
export async function load(config: LoadConfig, serverPid: number, cluster: Cluster): Promise<LoadResult> {
  const generator = await startChild(join(import.meta.dirname, 'load-process.ts'), config)
  try {
    await generator.receive('connected', 10_000)
    const cpu = () => ({ server: processTreeCpu(serverPid), postgres: cluster.cpu() })
    const timeoutMs = config.warmUpMs + config.durationMs + 15_000
    const measuring = generator.receive('measuring', timeoutMs)
    const measured = generator.receive('measured', timeoutMs)
    const answer = generator.ask('run', timeoutMs)
    for (const promise of [measuring, measured, answer]) promise.catch(() => undefined)
    await measuring
    const before = cpu()
    await measured
    const after = cpu()
    const result = await answer
    const of = (key: string) => Number(result[key])
    if (of('refused') > 0)
      throw new Error(`${of('refused')} requests refused, first: ${String(result.firstRefusal)}`)
    if (of('unanswered') > 0) throw new Error(`${of('unanswered')} requests without an answer`)
    return {
      accepted: of('accepted'),
      values: {
        rate: of('requests') / of('seconds'),
        p50: of('p50'),
        p99: of('p99'),
        serverCpu: (after.server - before.server) / of('requests'),
        postgresCpu: (after.postgres - before.postgres) / of('requests'),
        totalCpu: (after.server - before.server + after.postgres - before.postgres) / of('requests'),
      },
    }
  } finally {
    await generator.stop()
  }
}
