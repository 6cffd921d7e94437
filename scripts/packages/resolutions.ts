import { readFile } from 'node:fs/promises'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { problemKindInfo } from '@arethetypeswrong/core/problems'

/** Packages are ESM alone: what would `require()` them with an older resolution is not served (`attw --profile esm-only`). */
const NOT_SERVED: ReadonlySet<string> = new Set(['node10', 'node16-cjs'])

/**
 * Whether TypeScript finds, for every key of a tarball, the declarations of the very file that Node or a bundler would
 * load. In this process: a process for each package would load a compiler of its own each time.
 */
export async function resolutionProblems(tarball: string): Promise<string[]> {
  const packed = createPackageFromTarballData(new Uint8Array(await readFile(tarball)))
  const analysis = await checkPackage(packed)
  if (!analysis.types) return ['has no declarations']
  return analysis.problems
    .filter((problem) => !('resolutionKind' in problem && NOT_SERVED.has(problem.resolutionKind)))
    .map((problem) => `${problemKindInfo[problem.kind].title}: ${JSON.stringify(problem)}`)
}
