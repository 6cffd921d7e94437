export { createIngest, type IngestApp, type IngestOptions } from './app.ts'
export { type IngestConfig, ingestConfigSchema, parseIngestConfig, redactedConfig } from './config.ts'
export { engineOptions, type RunningIngest, serveIngest } from './serve.ts'
