import { defineConfig } from 'tsup'
import { library } from '../../tsup.shared.ts'

export default defineConfig(
  library(
    { index: 'src/index.ts', embedded: 'src/embedded/index.ts', testing: 'src/testing/index.ts' },
    // What is used of it lies inside the published files (see THIRD-PARTY.md). Node reads the manifest of a package for
    // each of its modules, and that of Drizzle is so large that loading a hundred of them took most of a service's start.
    { noExternal: ['drizzle-orm'] },
  ),
)
