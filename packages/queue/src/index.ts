export { ClaimCursor, type ClaimNote, type Look } from './claim-cursor.ts'
export { checkClaimRequest, maxClaim } from './claim-request.ts'
export { CompletionBatcher, type CompletionBatcherOptions, isDataError } from './completion-batcher.ts'
export { Heartbeat, type HeartbeatOptions } from './heartbeat.ts'
export { queueIndexes, queueStorage } from './indexes.ts'
export { Listener, type ListenerOptions } from './listener.ts'
export { MemoryQueue, type MemoryQueueOptions } from './memory/memory-queue.ts'
export { type BuriedJob, BuriedJobs } from './own/buried-jobs.ts'
export { type CreateQueueOptions, createQueue, type Job, JobQueue } from './own/job-queue.ts'
export { migrateQueue } from './own/migrate.ts'
export type { QueueLocation } from './own/names.ts'
export type { NewItem } from './own/new-items.ts'
export { defaultMaxInFlight, PostgresQueue, type PostgresQueueOptions } from './postgres-queue.ts'
export { beginClaimSql, type ClaimParameters, claimSql } from './sql/claim.ts'
export { type CompleteSqlOptions, completeSql } from './sql/complete.ts'
export { completionParameters, poisoned } from './sql/complete-parameters.ts'
export { extendSql } from './sql/extend.ts'
export { reapSql } from './sql/reap.ts'
export { releaseSql } from './sql/release.ts'
export { putOffMs, Suspects } from './suspects.ts'
export { checkQueueTable, type QueueTable } from './table.ts'
export type { ClaimRequest, Completion, Ending, Lease, Outcome, Queue, QueueItem } from './types.ts'
export {
  type CreateWorkerOptions,
  createWorker,
  type Handler,
  type HandlerContext,
  type WakeOptions,
  Worker,
  type WorkerQueue,
} from './worker.ts'
