import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { packedKeys } from './checks.ts'
import type { InstalledPackage } from './consumer.ts'
import { specifierOf } from './exports.ts'
import { tryRun } from './run.ts'

/**
 * Type-checks a project that imports every key of every package with `skipLibCheck` off, and reports what
 * lies in our own declarations: a type from a package that is not declared shows here and nowhere else.
 * Mistakes inside other people's declarations are not ours to report.
 */
export async function declarationProblems(
  root: string,
  consumer: string,
  packages: readonly InstalledPackage[],
): Promise<string[]> {
  const specifiers = packages.flatMap(({ source, directory }) =>
    packedKeys(directory)
      .filter(({ targets }) => targets.some((target) => target.endsWith('.d.ts')))
      .map(({ key }) => specifierOf(source.manifest.name, key)),
  )
  const lines = specifiers.map((specifier, i) => `export * as m${i} from ${JSON.stringify(specifier)}\n`)
  writeFileSync(join(consumer, 'everything.ts'), lines.join(''))
  // Node's own types are the one thing that a user of TypeScript has anyway.
  mkdirSync(join(consumer, 'node_modules/@types'), { recursive: true })
  symlinkSync(join(root, 'node_modules/@types/node'), join(consumer, 'node_modules/@types/node'))
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'NodeNext',
        target: 'ES2023',
        lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: ['node'],
      },
      files: ['everything.ts'],
    }),
  )
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await tryRun(process.execPath, [compiler, '--pretty', 'false'], consumer)
  const ours = packages.map(({ source }) =>
    ['node_modules', ...source.manifest.name.split('/'), ''].join(sep),
  )
  return stdout
    .split('\n')
    .filter((line) => / error TS\d+/.test(line))
    .filter((line) => line.startsWith('everything.ts') || ours.some((path) => isOwn(line, path)))
}

function isOwn(line: string, path: string): boolean {
  return line.startsWith(path) && !line.slice(path.length).startsWith(`node_modules${sep}`)
}
