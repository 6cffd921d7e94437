import { createPosthorn } from '@posthorn/engine'
import { posthornOptions } from '@posthorn/engine/config'
import { parseWorkerConfig, serveWorker } from '@posthorn/worker'
import { runUntilStopped } from '../service/run-until-stopped.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import type { Output } from '../terminal/output.ts'

/** `posthorn worker`: delivers until it is stopped; with `once` what is due now, and then ends. */
export async function worker(options: { once: boolean }, output: Output): Promise<ExitCode> {
  const config = parseWorkerConfig()
  if (!options.once) {
    return runUntilStopped(async () => {
      const service = await serveWorker(config)
      return { stop: () => service.close(), graceMs: config.SHUTDOWN_GRACE }
    })
  }
  await using posthorn = createPosthorn(posthornOptions(config))
  await posthorn.migrate()
  const tried = await posthorn.runOnce()
  const { delivered, pending, failed, dead, cancelled } = posthorn.stats.settled
  output.result(
    { tried, delivered, retryLater: pending, failed, dead, cancelled },
    `${tried} tried: ${delivered} delivered, ${pending} to be tried again, ${failed + dead} given up`,
  )
  return EXIT.ok
}
