import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'tsup'

/** Bundles the command of this package into one file, as it is published, in a directory of its own. */
export async function bundleCommand(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'posthorn-hook-bundle-'))
  await build({
    config: false,
    silent: true,
    entry: { 'posthorn-hook': resolve(import.meta.dirname, 'hook-process.ts') },
    outDir,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    splitting: false,
    clean: false,
    dts: false,
    esbuildOptions: (options) => {
      options.conditions = ['posthorn-source']
      options.absWorkingDir = resolve(import.meta.dirname, '../..')
    },
    noExternal: [/.*/],
  })
  return join(outDir, 'posthorn-hook.js')
}
