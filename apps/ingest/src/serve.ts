import type { AddressInfo } from 'node:net'
import { migrate } from '@posthorn/db'
import { createPosthorn, type Posthorn } from '@posthorn/engine'
import { posthornOptions } from '@posthorn/engine/config'
import { createIngest, type IngestApp } from './app.ts'
import type { IngestConfig } from './config.ts'
import { createLogger } from './http/logger.ts'
import { closeIngestPools, openIngestPools } from './pools.ts'

/** A service that runs. */
export interface RunningIngest {
  /** where it listens, such as `http://127.0.0.1:8080` */
  readonly url: string
  readonly app: IngestApp
  readonly posthorn: Posthorn
  /** Not ready any more, takes no new connections, finishes the requests it has, then lets the database go. */
  close(): Promise<void>
}

/**
 * Starts the service: migrations (over `DIRECT_URL` where there is one), the first admin's key, then the port. Whatever
 * fails on the way, nothing is left open.
 */
export async function serveIngest(config: IngestConfig): Promise<RunningIngest> {
  const log = createLogger(config)
  const posthorn = createPosthorn({ ...posthornOptions(config), logger: log.logger })
  const pools = openIngestPools(config)
  let app: IngestApp | undefined
  const close = async () => {
    app?.drain()
    await app?.close()
    await posthorn.stop({ graceMs: config.SHUTDOWN_GRACE })
    await closeIngestPools(pools)
    log.logger.info('stopped')
    log.close()
  }
  try {
    await prepareDatabase(posthorn, config)
    app = await createIngest({ posthorn, pools, config, logger: log.logger })
    const { HOST: host, PORT: port } = config
    await app.listen({ host, port, listenTextResolver: (address) => `listening at ${address}` })
    return { url: urlOf(host, app.server.address()), app, posthorn, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function prepareDatabase(posthorn: Posthorn, config: IngestConfig): Promise<void> {
  if (config.DIRECT_URL === undefined) await posthorn.migrate()
  else await migrate(config.DIRECT_URL)
  if (config.POSTHORN_BOOTSTRAP_KEY !== undefined)
    await posthorn.keys.bootstrap(config.POSTHORN_BOOTSTRAP_KEY)
}

function urlOf(host: string, address: AddressInfo | string | null): string {
  const port = typeof address === 'object' && address ? address.port : 0
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
