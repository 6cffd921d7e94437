import { resolve } from 'node:path'
import type { Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]
type Build = Parameters<Plugin['setup']>[0]

/**
 * Keeps modules that are loaded with `import()` as a text in the same file, and compiles it when one of them is first
 * needed. The engine looks through all code of a file at each start, also what is never called: a text it passes over.
 *
 * What these modules import is in the text too, once for all of them, and a second time for code outside that imports it:
 * nothing that must exist once in a process may be on both sides.
 * @param paths of the modules, relative to the package
 */
export function onDemand(paths: readonly string[]): Plugin {
  return {
    name: 'on-demand',
    setup(build) {
      const folder = build.initialOptions.absWorkingDir ?? process.cwd()
      const files = new Map(paths.map((path) => [resolve(folder, path), path]))
      build.onResolve({ filter: /^\.{1,2}\// }, ({ path, kind, resolveDir }) => {
        const module = files.get(resolve(resolveDir, path))
        return kind === 'dynamic-import' && module !== undefined
          ? { path: module, namespace: 'on-demand' }
          : undefined
      })
      build.onResolve({ filter: /^on-demand$/ }, () => ({ path: 'text', namespace: 'on-demand-text' }))
      build.onLoad({ filter: /.*/, namespace: 'on-demand' }, ({ path }) => ({
        contents: `module.exports = require('on-demand')[${JSON.stringify(path)}]()`,
      }))
      build.onLoad({ filter: /.*/, namespace: 'on-demand-text' }, async () => ({
        contents: compileText(await bundle(build, folder, paths)),
      }))
    },
  }
}

/** The modules in one script, which exports a function for each of them. Made as the rest of the file is. */
async function bundle({ esbuild, initialOptions }: Build, folder: string, paths: readonly string[]) {
  const { entryPoints: _, plugins: _plugins, banner: _banner, footer: _footer, ...options } = initialOptions
  const members = paths.map(
    (path) => `${JSON.stringify(path)}: () => require(${JSON.stringify(`./${path}`)})`,
  )
  const { outputFiles } = await esbuild.build({
    ...options,
    stdin: { contents: `module.exports = { ${members.join(', ')} }`, resolveDir: folder },
    format: 'cjs',
    write: false,
  })
  const script = outputFiles.find(({ path }) => !path.endsWith('.map'))
  if (script === undefined) throw new Error(`nothing came of bundling ${paths.join(', ')}`)
  return script.text
}

/** A module that compiles a script when it is loaded. In a stack its code is named for the file and `on demand`. */
function compileText(text: string): string {
  return `
    const { compileFunction } = process.getBuiltinModule('node:vm')
    const script = compileFunction(${JSON.stringify(text)}, ['module', 'exports', 'require', '__filename'], {
      filename: __filename + ' (on demand)',
    })
    script(module, module.exports, require, __filename)`
}
