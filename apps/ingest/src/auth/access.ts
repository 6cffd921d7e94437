import { KEY_ROLES, type KeyRole } from '@posthorn/db'

/**
 * What a route needs of its caller: `public` needs no key; `publish` sends events; `call` asks apps; `read` reads;
 * `operate` retries, cancels, pauses, tests, resets and decides; `manage` changes apps, endpoints and their secrets, and deletes conversations.
 */
export type Access = 'public' | 'publish' | 'call' | 'read' | 'operate' | 'manage'

const ALLOWED: Readonly<Record<KeyRole, ReadonlySet<Access>>> = {
  ingest: new Set<Access>(['publish', 'call']),
  read: new Set<Access>(['read']),
  operator: new Set<Access>(['read', 'operate']),
  admin: new Set<Access>(['publish', 'call', 'read', 'operate', 'manage']),
}

/** The roles that may use a route. */
export const rolesFor = (access: Access): KeyRole[] => KEY_ROLES.filter((role) => isAllowed(role, access))

/** Whether a key of this role may use a route. */
export function isAllowed(role: KeyRole, access: Access): boolean {
  return ALLOWED[role].has(access)
}
