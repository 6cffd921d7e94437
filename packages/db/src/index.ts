export { appExists } from './apps.ts'
export { type ChangeCursor, cursorAt, formatCursor, parseCursor } from './changes/cursor.ts'
export { type Change, type ChangePage, currentSnapshot, readChanges } from './changes/read-changes.ts'
export { type NewChange, recordChanges } from './changes/record-changes.ts'
export { contains } from './changes/snapshot.ts'
export { sweepChanges } from './changes/sweep-changes.ts'
export {
  type CircuitSettingsSource,
  PostgresCircuitStore,
  settingsOfEndpoints,
} from './circuits/postgres-circuit-store.ts'
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
export { EndpointRepository, type NewEndpoint } from './endpoints/endpoint-repository.ts'
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
export { type DatabaseReadiness, databaseReadiness } from './health.ts'
export { createKeyring, generateEncryptionKey, type Keyring } from './keyring.ts'
export { type KeyIdentity, KeyRepository, type KeySummary, type NewKey } from './keys/key-repository.ts'
export { type MigrationReport, migrate, pendingMigrations } from './migrations/migrate.ts'
export { MAX_PAGE, type Page, type PageRequest } from './page.ts'
export { ensurePartitionFor, ensurePartitions, type PartitionedTable } from './partitions.ts'
export { applyRetention, type RetentionDays, type RetentionReport } from './retention.ts'
export {
  DEAD_LETTER_REASONS,
  DEFAULT_APP_ID,
  DELIVERY_STATUSES,
  type DeadLetterReason,
  type DeliveryStatus,
  ENDPOINT_FORMATS,
  type EndpointFormat,
  type EventStatus,
  KEY_ROLES,
  type KeyRole,
} from './schema/index.ts'
