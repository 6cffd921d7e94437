import { spoolDirs } from '../sender/drain.ts'
import { openSpool, type Spool } from '../spool/layout.ts'
import type { CommandContext } from './context.ts'

/** The spool, and the one that stands in for it where it cannot be written, if that was ever needed. */
export function spoolsOf({ settings }: Pick<CommandContext, 'settings'>): Spool[] {
  return spoolDirs(settings.config).map((dir) => openSpool(dir, settings.config))
}
