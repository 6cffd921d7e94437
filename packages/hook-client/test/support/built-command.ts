import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'tsup'
import { command } from '../../tsup.config.ts'

const PACKAGE = resolve(import.meta.dirname, '../..')

/** The command in one file, built as it is published, in a folder that goes away. */
export async function buildCommand(): Promise<{ file: string } & Disposable> {
  const outDir = realpathSync(mkdtempSync(join(tmpdir(), 'posthorn-hook-built-')))
  await build({
    ...command,
    config: false,
    silent: true,
    entry: { 'posthorn-hook': join(PACKAGE, 'src/main.ts') },
    outDir,
    esbuildOptions: (options) => {
      // From the source of the other packages, so that nothing has to be built before.
      options.conditions = ['posthorn-source']
      options.absWorkingDir = PACKAGE
    },
  })
  return {
    file: join(outDir, 'posthorn-hook.cjs'),
    [Symbol.dispose]: () => rmSync(outDir, { recursive: true, force: true }),
  }
}
