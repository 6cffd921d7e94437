import { messageOf } from '../machine/deadline.ts'
import type { Cluster } from '../machine/postgres.ts'
import { progress } from '../machine/progress.ts'
import { rotate } from '../machine/rotate.ts'
import type { BenchOptions } from '../options.ts'
import type { Measurement, SuiteResult } from '../report/measurements.ts'
import { startSink } from '../sink/sink.ts'
import { contenderOf, DELIVERY_ENTRIES } from './contenders/index.ts'
import { drain } from './drain.ts'
import { startRedis } from './redis.ts'

/** 20 000 preloaded deliveries, drained by one worker process of each contender in turn. */
export async function runDelivery(options: BenchOptions, cluster: Cluster): Promise<SuiteResult> {
  const sink = await startSink()
  const redis = await startRedis()
  const entries = DELIVERY_ENTRIES.filter((entry) => entry.needsRedis !== true || redis !== undefined)
  const measurements: Measurement[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of rotate(entries, round)) {
      const measurement: Measurement = { contender: entry.label, cell: '', round, values: {} }
      const database = `delivery_${round}_${entries.indexOf(entry)}`
      try {
        measurement.values = await drain({ entry, total: options.deliveries, database, cluster, redis, sink })
        const { rate = 0, totalCpu = Number.NaN } = measurement.values
        progress(
          `delivery, round ${round + 1}, ${entry.label}: ${rate.toFixed(0)}/s, ${totalCpu.toFixed(0)} µs`,
        )
      } catch (error) {
        measurement.error = messageOf(error)
        progress(`delivery, round ${round + 1}, ${entry.label}: FAILED, ${measurement.error}`)
      }
      measurements.push(measurement)
    }
  }
  await sink.stop()
  await redis?.stop()
  return {
    suite: 'delivery',
    title: `delivery: ${options.deliveries} preloaded, one worker process, 1 KiB POST and one attempt row each`,
    notes: [
      `sink: ${sink.description}`,
      `redis: ${redis?.description ?? 'none found; BullMQ on Redis not measured'}`,
      'b3: one INSERT per attempt, as users write it; b4: attempt rows batched by hand (≤ 5 ms). Quote both or none.',
      'timed until every completion is committed; CPU in µs per delivery',
      ...entries.map((entry) => `${entry.label}: ${contenderOf(entry).settings}`),
    ],
    metrics: [
      { key: 'rate', header: 'deliveries/s', digits: 0, ratio: 'rate' },
      { key: 'totalCpu', header: 'CPU µs', digits: 0, ratio: 'CPU' },
      { key: 'workerCpu', header: 'worker µs', digits: 0 },
      { key: 'postgresCpu', header: 'postgres µs', digits: 0 },
      { key: 'redisCpu', header: 'redis µs', digits: 0 },
      { key: 'preloadRate', header: 'preload/s', digits: 0 },
    ],
    ours: 'posthorn',
    ceiling: 'undici (limit)',
    measurements,
  }
}
