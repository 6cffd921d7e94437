export { type CaptureOptions, type CaptureResult, capture } from './capture/capture.ts'
export {
  INPUT_LIMITS,
  type Input,
  type InputLimits,
  type InputStream,
  readInput,
} from './capture/read-input.ts'
export { type StartOptions, startSenders } from './capture/start-sender.ts'
export type {
  ConfigSource,
  DropPolicy,
  FilterSettings,
  HookConfig,
  LoadedConfig,
  SettingName,
  SpoolLimits,
} from './config/config.ts'
export { loadConfig } from './config/load-config.ts'
export { type HookLogs, type LogOptions, openLogs } from './logs/index.ts'
export { type HookLog, type LogFields, silentLog } from './logs/types.ts'
export {
  type PreparedEvent,
  type PrepareOptions,
  prepareEvent,
  secretsInEnvironment,
} from './redaction/prepare-event.ts'
export { drainOnce, spoolDirs } from './sender/drain.ts'
export { runSender } from './sender/run-sender.ts'
export { createEventSender, type EventSender, type SendRequest } from './sender/send-event.ts'
export type { SendOptions } from './sender/send-from.ts'
export type { DrainEnd, DrainResult, SendOutcome, SendProgress } from './sender/types.ts'
export { type WatchOptions, watchSpool } from './sender/watch.ts'
export { type PurgeOptions, purgeEvents, type RetryOptions, retryEvents } from './spool/care.ts'
export { checkSpool, type FsckOptions } from './spool/fsck.ts'
export { openSpool, type Spool, type SpoolOptions } from './spool/layout.ts'
export { listEvents, showEvent } from './spool/listing.ts'
export { type PutResult, putEvent } from './spool/put.ts'
export { spoolStatus } from './spool/status.ts'
export type {
  Claim,
  DropCounts,
  DropReason,
  Failure,
  FailureReason,
  FsckFinding,
  Hold,
  LastError,
  RetryState,
  SenderInfo,
  SpoolEntry,
  SpooledEvent,
  SpoolFolder,
  SpoolState,
  SpoolStatus,
} from './spool/types.ts'
