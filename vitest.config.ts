import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// Commands and services that tests start from their source are compiled once, and not at each start.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

const shared = {
  resolve: { conditions: ['posthorn-source'] },
  ssr: { resolve: { conditions: ['posthorn-source'], externalConditions: ['posthorn-source'] } },
}

const suite = {
  // A worker takes one file after the other: a process for each, with everything loaded anew, is a third of the work.
  // `tidy-process.ts` fails the file that leaves something behind for the next one.
  isolate: false,
  setupFiles: ['./test/tidy-process.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  ...shared,
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        ...shared,
        test: {
          ...suite,
          name: 'posthorn',
          include: [
            '{packages,apps}/*/{src,test}/**/*.test.ts',
            'bench/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/**/*.test.ts',
          ],
          globalSetup: ['./test/postgres-18.ts'],
        },
      },
      {
        ...shared,
        test: {
          ...suite,
          name: 'postgres-14',
          include: ['packages/{conversations,db,queue}/{src,test}/**/*.test.ts'],
          globalSetup: ['./test/postgres-14.ts'],
          env: { POSTHORN_TEST_POSTGRES: '14' },
        },
      },
    ],
  },
})
