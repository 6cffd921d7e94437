import { ok } from '@posthorn/core'
export const x = ok(1)
