import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'tsup'

/** Bundles the command into one file, as it is published, in a new directory. Returns the file's path. */
export async function bundleCommand(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'posthorn-hook-bundle-'))
  await build({
    config: false,
    silent: true,
    entry: { 'posthorn-hook': resolve(import.meta.dirname, '../../src/main.ts') },
    outDir,
    format: 'cjs',
    target: 'node16',
    platform: 'node',
    splitting: false,
    clean: false,
    dts: false,
    noExternal: [/./],
    esbuildOptions: (options) => {
      options.conditions = ['posthorn-source']
    },
  })
  return join(outDir, 'posthorn-hook.cjs')
}
