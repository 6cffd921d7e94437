export { type Environment, readVariables } from './environment.ts'
export {
  directUrl,
  openServicePool,
  posthornOptions,
  type ServiceConnection,
  type ServicePool,
} from './from-config.ts'
export { parseConfig, redactedConfig } from './parse-config.ts'
export {
  retentionSettings,
  SECRET_VARIABLES,
  type ServiceConfig,
  type SharedConfig,
  serviceSettings,
  webhookSettings,
} from './settings.ts'
export * as value from './values.ts'
