export { AnswerRepository, type KeptAnswer } from './answers/answer-repository.ts'
export type { Approval, ApprovalDecision, ApprovalFilter, NewApproval } from './approvals/approval.ts'
export { ApprovalRepository } from './approvals/approval-repository.ts'
export { appExists } from './apps/app-exists.ts'
export { type App, AppRepository } from './apps/app-repository.ts'
export type { CallableApp, CallableEndpoint } from './apps/callable-app.ts'
export type { CapabilitySettings, NewManifest, StoredManifest } from './apps/manifest.ts'
export { ManifestRepository } from './apps/manifest-repository.ts'
export type { CallBatch, NewCall, NewCallAttempt, RefusedRow } from './calls/call-batch.ts'
export {
  type CallFilter,
  CallRepository,
  type StoredCall,
  type StoredCallAttempt,
} from './calls/call-repository.ts'
export { writeCalls } from './calls/write-calls.ts'
export {
  type AcceptCaptureOptions,
  acceptCapture,
  type CaptureAcceptance,
  keepInvalid,
} from './captures/accept-capture.ts'
export type { CaptureError, CaptureRow, CaptureState, ClientReport, NewCapture } from './captures/capture.ts'
export { type HookClient, HookClientRepository } from './captures/hook-client-repository.ts'
export {
  describeInvalid,
  findReprocessable,
  type InvalidEvent,
  REPROCESSABLE,
  type ReprocessableStatus,
  type ReprocessFilter,
  requeueProjections,
  takeInvalid,
} from './captures/reprocess.ts'
export { type ChangeCursor, cursorAt, formatCursor, parseCursor } from './changes/cursor.ts'
export { type Change, type ChangePage, currentSnapshot, readChanges } from './changes/read-changes.ts'
export { type NewChange, PLATFORM_APP_ID, recordChanges } from './changes/record-changes.ts'
export { contains } from './changes/snapshot.ts'
export { sweepChanges } from './changes/sweep-changes.ts'
export { type ListedCircuit, listCircuits } from './circuits/list-circuits.ts'
export {
  type CircuitSettingsSource,
  PostgresCircuitStore,
  settingsOfEndpoints,
} from './circuits/postgres-circuit-store.ts'
export {
  type Conversation,
  type ConversationFilter,
  ConversationRepository,
} from './conversations/conversation-repository.ts'
export type { EntryPage, EntryRequest, Message, ToolUse } from './conversations/entries.ts'
export { inTransaction } from './database.ts'
export { databaseTime, recordAttempt } from './deliveries/attempt-log.ts'
export { accountForClaim, DELIVERY_GATES, type GatedItem } from './deliveries/claim-gates.ts'
export {
  type AttemptRecord,
  completeDeliveries,
  type DeliveryOutcome,
  type Settled,
  type StatRow,
} from './deliveries/completion.ts'
export {
  type Attempt,
  type DeadLetter,
  type Delivery,
  type DeliveryFilter,
  DeliveryRepository,
} from './deliveries/delivery-repository.ts'
export { cancelDelivery, retryDelivery } from './deliveries/intervene.ts'
export { type ClaimedDelivery, loadClaimed } from './deliveries/load.ts'
export { type SweepReport, sweepDeliveries } from './deliveries/sweep.ts'
export type { Endpoint, EndpointSecret, EndpointSettings } from './endpoints/endpoint.ts'
export { endpointOfCapability } from './endpoints/endpoint-of-capability.ts'
export { EndpointRepository, type NewEndpoint } from './endpoints/endpoint-repository.ts'
export { rotatedSecrets } from './endpoints/secrets.ts'
export { subscribes } from './endpoints/subscribes.ts'
export {
  type Acceptance,
  acceptEvents,
  type KeyMismatch,
  type NewEvent,
  typePatterns,
} from './events/accept.ts'
export {
  type EventFilter,
  EventRepository,
  type EventSummary,
  type StoredEvent,
} from './events/event-repository.ts'
export { fingerprint } from './events/fingerprint.ts'
export { asIntakeError, keyMismatch, unavailable } from './events/intake-errors.ts'
export { type DatabaseReadiness, databaseReadiness } from './health.ts'
export { createKeyring, generateEncryptionKey, type Keyring } from './keyring.ts'
export { type KeyIdentity, KeyRepository, type KeySummary, type NewKey } from './keys/key-repository.ts'
export { type MigrationReport, migrate, pendingMigrations } from './migrations/migrate.ts'
export type { NewNotification } from './notifications/notification.ts'
export {
  type Notification,
  type NotificationChoice,
  type NotificationFilter,
  NotificationRepository,
} from './notifications/notification-repository.ts'
export { MAX_PAGE, type Page, type PageRequest } from './page.ts'
export { ensurePartitionFor, ensurePartitions, type PartitionedTable } from './partitions.ts'
export { isConnectionLoss, isContention, isDataError, isMissingPartition, sqlState } from './pg-errors.ts'
export { type ApplyOptions, applyProjection, type ProjectionLease } from './projection/apply-projection.ts'
export { type CapturedEvent, loadCaptured } from './projection/load-captured.ts'
export { type Projection, placeOf, type ToolOutcome, type ToolUseFact } from './projection/projection.ts'
export { PROJECTION_QUEUE } from './projection/queue-table.ts'
export { type ProjectionFailure, settleProjections } from './projection/settle-projections.ts'
export { applyRetention, type RetentionDays, type RetentionReport } from './retention.ts'
export {
  type ApprovalStatus,
  type CallOutcome,
  type CaptureErrorCode,
  type ConversationStatus,
  DEAD_LETTER_REASONS,
  DEFAULT_APP_ID,
  DELIVERY_STATUSES,
  type DeadLetterReason,
  type DeliveryStatus,
  ENDPOINT_FORMATS,
  ENDPOINT_ORIGINS,
  type EndpointFormat,
  type EndpointOrigin,
  type EventStatus,
  KEY_ROLES,
  type KeyRole,
  type MessageRole,
  type ToolUseStatus,
} from './schema/index.ts'
export { AttemptStats, type CountedAttempt } from './stats/attempt-stats.ts'
