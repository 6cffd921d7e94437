import type { KeyRole } from '@posthorn/db'

/**
 * What a route needs of its caller: `public` needs no key; `publish` sends events; `read` reads; `operate` retries,
 * cancels, pauses, tests and resets; `manage` changes endpoints and their secrets.
 */
export type Access = 'public' | 'publish' | 'read' | 'operate' | 'manage'

const ALLOWED: Readonly<Record<KeyRole, ReadonlySet<Access>>> = {
  ingest: new Set<Access>(['publish']),
  read: new Set<Access>(['read']),
  operator: new Set<Access>(['read', 'operate']),
  admin: new Set<Access>(['publish', 'read', 'operate', 'manage']),
}

/** Whether a key of this role may use a route. */
export function isAllowed(role: KeyRole, access: Access): boolean {
  return ALLOWED[role].has(access)
}
