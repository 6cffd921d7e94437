/**
 * Packs every published package and looks at the tarballs as a user meets them: publint, attw's
 * checks, the manifest, an import of every `exports` key, every command, and the declarations in a strict project.
 * Needs a finished build; fetches nothing.
 *
 *     pnpm run check:packages
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildPathProblems, commandProblems, importProblems, manifestProblems } from './packages/checks.ts'
import { layOutConsumer } from './packages/consumer.ts'
import { resolutionProblems } from './packages/resolutions.ts'
import { run, tryRun } from './packages/run.ts'
import { declarationProblems } from './packages/types.ts'
import { publishablePackages, type WorkspacePackage } from './packages/workspace.ts'

const root = resolve(import.meta.dirname, '..')
const temporary = mkdtempSync(join(tmpdir(), 'posthorn-packages-'))
const problems: string[] = []

try {
  const packages = publishablePackages(root)
  if (packages.length === 0) throw new Error('found no package to check')

  const tarballs = new Map<WorkspacePackage, string>()
  await sideBySide(packages, async (source) => {
    const out = await run(
      'pnpm',
      ['pack', '--json', '--pack-destination', temporary],
      join(root, source.directory),
    )
    const tarball = (JSON.parse(out) as { filename: string }).filename
    tarballs.set(source, tarball)
    const { name } = source.manifest
    const { code, stdout, stderr } = await tryRun(
      join(root, 'node_modules/.bin/publint'),
      ['--strict', tarball],
      root,
    )
    if (code !== 0) problems.push(`${name}: publint is not content\n${stdout}${stderr}`)
    for (const problem of await resolutionProblems(tarball)) problems.push(`${name}: ${problem}`)
  })

  const consumer = join(temporary, 'consumer')
  const installed = await layOutConsumer(root, consumer, tarballs)
  await sideBySide(installed, async (entry) => {
    const found = [
      ...entry.problems,
      ...manifestProblems(entry),
      ...buildPathProblems(entry, root),
      ...(await importProblems(entry, consumer)),
      ...(await commandProblems(entry, consumer)),
    ]
    for (const problem of found) problems.push(`${entry.source.manifest.name}: ${problem}`)
  })
  problems.push(...(await declarationProblems(root, consumer, installed)))
  report(packages.length)
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

/** Works on as many at once as there are cores: nearly all of it is done by processes that use one each. */
async function sideBySide<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values()
  const lane = async () => {
    for (const one of left) await work(one)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
}

function report(count: number): void {
  for (const problem of problems) console.error(problem)
  console.log(`${count} packages packed and imported, ${problems.length} problems`)
  if (problems.length > 0) process.exitCode = 1
}
