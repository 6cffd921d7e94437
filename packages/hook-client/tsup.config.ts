import { defineConfig, type Options } from 'tsup'
import { library } from '../../tsup.shared.ts'

/**
 * The command: one file, so that it can be copied anywhere. CommonJS runs the code of a module when it is first needed,
 * within one file too, and starts without the loader of ES modules. An older Node must be able to read it, and say so.
 */
export const command: Options = library(
  { 'posthorn-hook': 'src/main.ts' },
  {
    format: 'cjs',
    target: 'node16',
    // The engine looks through the whole text at each start. Keeping what capture does not need apart, as a string that
    // is compiled on demand, was tried and gained nothing.
    minify: true,
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
