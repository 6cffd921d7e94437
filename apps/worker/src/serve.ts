import { migrate } from '@posthorn/db'
import { createPosthorn, type Posthorn } from '@posthorn/engine'
import { directUrl, posthornOptions } from '@posthorn/engine/config'
import type { WorkerConfig } from './config.ts'
import { createWorker } from './create-worker.ts'
import { createLogger } from './logger.ts'

/** A worker that runs. */
export interface RunningWorker {
  /** where its health and metrics are, such as `http://127.0.0.1:8081` */
  readonly url: string
  readonly posthorn: Posthorn
  /** Stops in order, within `SHUTDOWN_GRACE`. */
  close(): Promise<void>
}

/**
 * Starts the service: migrations (over `DIRECT_URL` where there is one), then the worker. Whatever fails on the way,
 * nothing is left open.
 */
export async function serveWorker(config: WorkerConfig): Promise<RunningWorker> {
  const { logger, flush } = createLogger(config)
  const posthorn = createPosthorn({ ...posthornOptions(config), logger })
  const worker = createWorker({ posthorn, config, logger })
  const close = async () => {
    await worker.stop()
    logger.info('stopped')
    flush()
  }
  try {
    await migrate(directUrl(config))
    await worker.start()
    logger.info({ concurrency: config.QUEUE_CONCURRENCY }, 'delivering')
    return { url: worker.url ?? '', posthorn, close }
  } catch (error) {
    await worker.stop()
    flush()
    throw error
  }
}
