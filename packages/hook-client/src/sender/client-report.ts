import { hostname } from 'node:os'
import { sumDrops } from '../spool/drops.ts'
import type { DropCounts, LastError } from '../spool/types.ts'
import { VERSION } from '../version.ts'

/** What the client tells of itself with each event. */
export interface ClientReport {
  clientId: string
  /** Events that wait, this one included. */
  backlog: number
  failed: number
  /** Dropped since the spool exists: a server that gets it twice counts nothing twice. */
  drops: DropCounts
  lastError: LastError | null
}

/** The name of the header that carries a report. */
export const REPORT_HEADER = 'x-posthorn-hook-client'

/** The value of `x-posthorn-hook-client`: JSON in ASCII, at most 2 048 bytes. */
export function reportHeader({ clientId, backlog, failed, drops, lastError }: ClientReport): string {
  return asciiJson({
    id: clientId,
    host: hostname().slice(0, 128),
    platform: process.platform,
    arch: process.arch,
    node: process.versions.node,
    version: VERSION,
    backlog,
    failed,
    dropped: sumDrops(drops),
    droppedByReason: drops,
    lastError: lastError && { code: lastError.code.slice(0, 64), at: lastError.at },
  })
}

/** JSON whose every character fits into a header. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
