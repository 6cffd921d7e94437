export { LOG_FILES, LOG_LEVELS, type LogFile, type LogLevel } from './log-entry.ts'
export { type HookLogs, type LogOptions, openLogs } from './logs.ts'
