import { parseIngestConfig, serveIngest } from '@posthorn/ingest'
import { runUntilStopped } from '../service/run-until-stopped.ts'
import type { ExitCode } from '../terminal/exit-codes.ts'

/** `posthorn ingest`: the HTTP service, until it is stopped. */
export async function ingest(): Promise<ExitCode> {
  const config = parseIngestConfig()
  return runUntilStopped(async () => {
    const service = await serveIngest(config)
    return { stop: () => service.close(), graceMs: config.SHUTDOWN_GRACE }
  })
}
