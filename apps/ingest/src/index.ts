export { createIngest, type IngestApp, type IngestOptions } from './app.ts'
export { type IngestConfig, parseIngestConfig } from './config.ts'
export { closeIngestPools, type IngestPools, openIngestPools } from './pools.ts'
export { type RunningIngest, serveIngest } from './serve.ts'
