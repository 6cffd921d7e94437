export { parseWorkerConfig, type WorkerConfig, workerConfigSchema } from './config.ts'
export { createWorker, type Worker, type WorkerOptions } from './create-worker.ts'
export type { Sleep } from './maintenance/loop.ts'
export { type RunningWorker, serveWorker } from './serve.ts'
