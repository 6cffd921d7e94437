import { join } from 'node:path'

/** The repository. */
export const ROOT = join(import.meta.dirname, '../..')

/** Where the programs lie that tests start as processes of their own; see `build-processes.ts`. */
export const BUILT = join(ROOT, 'node_modules/.cache/processes')

/**
 * What tests start, from the root of the repository: `--conditions=posthorn-source` and a type-stripping loader would do it
 * too, but reading some five hundred files takes longer than most of these tests.
 */
export const PROGRAMS = [
  'apps/cli/src/main.ts',
  'apps/ingest/src/main.ts',
  'packages/conversations/test/lethal-capture.ts',
  'test/calls/support/caller.ts',
  'test/kill/support/lethal-worker.ts',
] as const

/** The built file of a program, for `node` to run. */
export function processFile(program: (typeof PROGRAMS)[number]): string {
  return join(BUILT, program.replace(/\.ts$/, '.mjs'))
}
