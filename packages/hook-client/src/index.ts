export type {
  ConfigSource,
  DropPolicy,
  FilterSettings,
  HookConfig,
  LoadedConfig,
  SettingName,
  SpoolLimits,
} from './config/config.ts'
export { type HookLog, type LogFields, silentLog } from './logs/types.ts'
export type { DrainEnd, DrainResult, SendOutcome, SendProgress } from './sender/types.ts'
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
