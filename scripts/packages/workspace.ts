import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A `package.json`, as far as the package checks read it. */
export interface Manifest {
  name: string
  version: string
  private?: boolean
  license?: string
  engines?: { node?: string }
  repository?: { directory?: string }
  bin?: string | Record<string, string>
  exports?: unknown
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/** A package of this workspace: its folder relative to the root, and its manifest. */
export interface WorkspacePackage {
  directory: string
  manifest: Manifest
}

/** Reads a JSON file that is known to be a package manifest. */
export function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest
}

/** The packages under `packages/` and `apps/` that are published, in order of their folder. */
export function publishablePackages(root: string): WorkspacePackage[] {
  return globSync('{packages,apps}/*/package.json', { cwd: root })
    .sort()
    .map((file) => ({ directory: dirname(file), manifest: readManifest(join(root, file)) }))
    .filter(({ manifest }) => manifest.private !== true)
}

/** Every package that an installed copy may import: dependencies, optional ones and peers. */
export function declaredDependencies(manifest: Manifest): string[] {
  return Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  })
}

/**
 * Where a dependency of a workspace package lies on disk, or undefined when it is not installed.
 * Peers may be provided by the root.
 */
export function installedAt(root: string, directory: string, dependency: string): string | undefined {
  return [join(root, directory, 'node_modules', dependency), join(root, 'node_modules', dependency)].find(
    (path) => existsSync(path),
  )
}
