import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Commands and services that tests start are compiled once, and not at each start.
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

// Fake timers would also stop, or wind on by days, what a library has running in the process for files before and behind.
const alone = { ...suite, isolate: true }
const ALONE = '**/*.alone.test.ts'

const PROCESSES = /\/(apps\/cli\/test|test\/(kill|capture))\//

/**
 * Files that start services and commands wait far longer than the size of a file tells, by which a fresh clone goes: they
 * come first, so that none of them is what a run is waiting for in the end.
 */
class ProcessesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const slow = ({ moduleId }: TestSpecification) => PROCESSES.test(moduleId)
    return [...sorted.filter(slow), ...sorted.filter((file) => !slow(file))]
  }
}

export default defineConfig({
  ...shared,
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    sequence: { sequencer: ProcessesFirst },
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
          exclude: ['**/node_modules/**', ALONE],
          globalSetup: ['./test/processes/build-processes.ts', './test/postgres-18.ts'],
        },
      },
      {
        ...shared,
        test: { ...alone, name: 'posthorn-alone', include: [`{packages,apps}/*/{src,test}/${ALONE}`] },
      },
      {
        ...shared,
        test: {
          ...suite,
          name: 'postgres-14',
          include: ['packages/{conversations,db,queue}/{src,test}/**/*.test.ts'],
          globalSetup: ['./test/processes/build-processes.ts', './test/postgres-14.ts'],
          exclude: ['**/node_modules/**', ALONE],
          env: { POSTHORN_TEST_POSTGRES: '14' },
        },
      },
      {
        ...shared,
        test: {
          ...alone,
          name: 'postgres-14-alone',
          include: [`packages/{conversations,db,queue}/{src,test}/${ALONE}`],
        },
      },
    ],
  },
})
