export { createIngest, type IngestApp, type IngestOptions } from './app.ts'
export { openCapturePool } from './capture-pool.ts'
export { type IngestConfig, parseIngestConfig } from './config.ts'
export { type RunningIngest, serveIngest } from './serve.ts'
