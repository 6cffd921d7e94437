import { defineConfig } from 'tsup'
import { library } from '../../tsup.shared.ts'

// @posthorn/core is a devDependency, so the bundler puts it inside: the published files import node alone.
export default defineConfig(library({ index: 'src/index.ts' }, { dts: { resolve: ['@posthorn/core'] } }))
