import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from './run.ts'
import { declaredDependencies, installedAt, readManifest, type WorkspacePackage } from './workspace.ts'

/** A packed package laid out as an installer would lay it out. */
export interface InstalledPackage {
  source: WorkspacePackage
  /** Absolute folder of the unpacked tarball. */
  directory: string
  problems: string[]
}

/**
 * Makes an empty project with the tarballs of all packages in its `node_modules`. The packages see each
 * other and, beyond that, only what their packed manifest declares (linked from this workspace, so that
 * nothing is fetched): an import that was not declared does not resolve, exactly as for a user.
 */
export async function layOutConsumer(
  root: string,
  consumer: string,
  tarballs: Map<WorkspacePackage, string>,
): Promise<InstalledPackage[]> {
  const names = new Set([...tarballs.keys()].map(({ manifest }) => manifest.name))
  mkdirSync(join(consumer, 'node_modules'), { recursive: true })
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }))

  const installed: InstalledPackage[] = []
  for (const [source, tarball] of tarballs) {
    const directory = join(consumer, 'node_modules', source.manifest.name)
    mkdirSync(directory, { recursive: true })
    await run('tar', ['-xzf', tarball, '-C', directory, '--strip-components=1'], consumer)
    installed.push({ source, directory, problems: linkDependencies(root, source, directory, names) })
  }
  return installed
}

function linkDependencies(
  root: string,
  source: WorkspacePackage,
  directory: string,
  own: ReadonlySet<string>,
): string[] {
  const manifest = readManifest(join(directory, 'package.json'))
  const problems: string[] = []
  for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    if (/^(workspace|link|file|catalog):/.test(range)) problems.push(`depends on ${name} by "${range}"`)
  }
  for (const name of declaredDependencies(manifest)) {
    if (own.has(name)) continue
    const target = installedAt(root, source.directory, name)
    if (target === undefined) continue
    const link = join(directory, 'node_modules', name)
    if (existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(target, link)
  }
  return problems
}
