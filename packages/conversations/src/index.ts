export { parseClientReport } from './client-report.ts'
export { type Capture, type CaptureOptions, createCapture } from './create-capture.ts'
export {
  createProjectionWorker,
  type ProjectionWorker,
  type ProjectionWorkerOptions,
} from './projection-worker.ts'
export type { CaptureRequest, CaptureResult, ReprocessReport } from './types.ts'
