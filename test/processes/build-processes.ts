import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { BUILT, PROGRAMS, ROOT } from './process-file.ts'

/** For a test runner's global set-up: the programs that tests start, built anew from the sources in half a second. */
export async function setup(): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: PROGRAMS.map((program) => join(ROOT, program)),
    absWorkingDir: ROOT,
    outbase: ROOT,
    outdir: BUILT,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    conditions: ['posthorn-source'],
    plugins: [ownCodeOnly, whereItCameFrom],
    write: false,
    logLevel: 'warning',
  })
  await Promise.all(outputFiles.map(({ path, text }) => replace(path, text)))
}

/**
 * Our own packages are put together, and Drizzle with them, as it is when they are published. Everything else is loaded from
 * where the importing file finds it, and keeps its place.
 */
const ownCodeOnly: Plugin = {
  name: 'own-code-only',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === ownCodeOnly || kind === 'entry-point') return undefined
      if (/^(@posthorn\/|drizzle-orm)/.test(path)) return undefined
      if (path.startsWith('node:') || builtinModules.includes(path)) return { path, external: true }
      const found = await resolve(path, { importer, resolveDir, kind, pluginData: ownCodeOnly })
      // What is not installed is found missing by who imports it, as anywhere.
      return { path: found.errors.length > 0 ? path : pathToFileURL(found.path).href, external: true }
    })
  },
}

/** Files that look for others beside them find those of the source. */
const whereItCameFrom: Plugin = {
  name: 'where-it-came-from',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
      return { contents, loader: 'ts' }
    })
  },
}

/** Another run may be reading it: a file is there whole or not at all, and stays where nothing has changed. */
async function replace(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.${process.pid}`, text)
  await rename(`${path}.${process.pid}`, path)
}
