import { defineConfig } from 'vitest/config'

const shared = {
  resolve: { conditions: ['posthorn-source'] },
  ssr: { resolve: { conditions: ['posthorn-source'], externalConditions: ['posthorn-source'] } },
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
          name: 'posthorn',
          include: [
            '{packages,apps}/*/{src,test}/**/*.test.ts',
            'bench/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/**/*.test.ts',
          ],
          globalSetup: ['./test/postgres-18.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'postgres-14',
          include: ['packages/{conversations,db,queue}/{src,test}/**/*.test.ts'],
          globalSetup: ['./test/postgres-14.ts'],
          env: { POSTHORN_TEST_POSTGRES: '14' },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
