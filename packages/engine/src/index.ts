export { PosthornError, ValidationError } from '@posthorn/core'
export { rawJson } from './events/raw-json.ts'
export { createPosthorn } from './posthorn.ts'
export type * from './types.ts'
