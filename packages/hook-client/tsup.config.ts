import { defineConfig, type Options } from 'tsup'
import { library } from '../../tsup.shared.ts'
import { onDemand } from './bundle/on-demand.ts'

/**
 * The command: one file, so that it can be copied anywhere. CommonJS runs the code of a module when it is first needed,
 * within one file too, and starts without the loader of ES modules. An older Node must be able to read it, and say so.
 */
export const command: Options = library(
  { 'posthorn-hook': 'src/main.ts' },
  {
    format: 'cjs',
    target: 'node16',
    minify: true,
    // All that capture does not need: compiling it took a quarter as long as a bare start of Node.
    esbuildPlugins: [onDemand(['src/run.ts', 'src/sender-main.ts', 'src/sender/drain.ts'])],
    noExternal: [/./],
    splitting: false,
    dts: false,
    sourcemap: false,
    clean: false,
  },
)

export default defineConfig([
  // @posthorn/core is a devDependency, so the bundler puts it inside: the published files import node alone.
  library({ index: 'src/index.ts' }, { dts: { resolve: ['@posthorn/core'] }, clean: ['!posthorn-hook.cjs'] }),
  command,
])
