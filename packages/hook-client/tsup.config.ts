import { defineConfig } from 'tsup'
import { library } from '../../tsup.shared.ts'

export default defineConfig([
  // @posthorn/core is a devDependency, so the bundler puts it inside: the published files import node alone.
  library({ index: 'src/index.ts' }, { dts: { resolve: ['@posthorn/core'] }, clean: ['!posthorn-hook.cjs'] }),
  // The command: one file, so that it can be copied anywhere. CommonJS runs a module's code when it is first needed,
  // in one file too, and starts without the loader of ES modules. An older Node must be able to read it, and say so.
  library(
    { 'posthorn-hook': 'src/main.ts' },
    {
      format: 'cjs',
      target: 'node16',
      dts: false,
      clean: false,
      splitting: false,
      sourcemap: false,
      noExternal: [/./],
    },
  ),
])
