export type { JsonSchema } from './answer/json-schema.ts'
export type { ApprovalStore, PendingApproval } from './approvals/approval-store.ts'
export {
  type Approval,
  type ApprovalDecision,
  type ApprovalStatus,
  MemoryApprovalStore,
  type MemoryApprovalStoreOptions,
} from './approvals/memory-approval-store.ts'
export {
  type AppDirectory,
  type CallableApp,
  type CallableCapability,
  MemoryAppDirectory,
} from './apps/app-directory.ts'
export type { AnswerCache, CachedAnswer } from './cache/answer-cache.ts'
export { MemoryAnswerCache, type MemoryAnswerCacheOptions } from './cache/memory-answer-cache.ts'
export type { CallQueue, QueuedCall } from './call/call-queue.ts'
export type { CallOptions, CallResult } from './call/call-result.ts'
export {
  type CallErrorDetails,
  WebhookCallError,
  WebhookCircuitOpenError,
  WebhookConnectionError,
  WebhookResponseError,
  WebhookTimeoutError,
} from './call/errors.ts'
export type { CallReason } from './call/fault.ts'
export type { Circuits } from './circuit/circuits.ts'
export { createDelegator, type Delegator } from './delegator.ts'
export { type Draw, drawWinner, type SeedSource } from './fallbacks/random-winner.ts'
export type {
  FallbackAnswer,
  FallbackGrammar,
  FallbackRequest,
  FallbackStrategy,
  GoodAnswer,
} from './fallbacks/strategy.ts'
export type {
  CallAttempt,
  CallIncident,
  CallLog,
  CallLogBatch,
  CallOutcome,
  CallRecord,
  CircuitChangeRecord,
  FallbackNotification,
} from './log/call-log.ts'
export type { Capability, FallbackChoice, Manifest } from './manifest/capability.ts'
export { CALL_DEFAULTS, type CallDefaults } from './manifest/defaults.ts'
export { type ManifestOptions, manifestJsonSchema, parseManifest } from './manifest/parse-manifest.ts'
export type { Operation, OperationOptions } from './operation.ts'
export type { DelegatorOptions } from './options.ts'
export { GRACE_MS } from './time/deadline.ts'
export type { Timers } from './time/timers.ts'
