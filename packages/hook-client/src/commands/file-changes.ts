import { rmSync } from 'node:fs'
import { createTwoFilesPatch } from 'diff'
import type { FileChange } from '../claude-settings/plan.ts'
import { writeText } from '../claude-settings/settings-file.ts'

/** Makes changes on disk, in their order. */
export function applyChanges(changes: readonly FileChange[]): void {
  for (const { path, after } of changes) {
    if (after === undefined) rmSync(path, { force: true })
    else writeText(path, after)
  }
}

/** A change as a unified diff. Of a copy that is kept or thrown away there is nothing to see. */
export function diffOf({ path, before, after, action }: FileChange): string {
  if (action === 'kept as a copy' || action === 'copy removed') return ''
  return createTwoFilesPatch(path, path, before ?? '', after ?? '', undefined, undefined, { context: 3 })
}
