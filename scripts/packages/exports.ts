import { globSync } from 'node:fs'
import { join } from 'node:path'

/** One key of an `exports` map with every file it may lead to. */
export interface ExportKey {
  /** The key as written: `.`, `./signing`, `./migrations/*`. */
  key: string
  /** Paths below the package, over all conditions, starting with `./`. */
  targets: string[]
}

/** Lists the keys of a manifest's `exports`; a bare string or condition object is the key `.`. */
export function exportKeys(exports: unknown): ExportKey[] {
  if (exports === undefined || exports === null) return []
  if (typeof exports === 'object' && Object.keys(exports).every((key) => key.startsWith('.'))) {
    return Object.entries(exports)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => ({ key, targets: targetsOf(value) }))
  }
  return [{ key: '.', targets: targetsOf(exports) }]
}

/** What an importer writes for a key: `@scope/name` or `@scope/name/sub`. */
export function specifierOf(packageName: string, key: string): string {
  return key === '.' ? packageName : `${packageName}/${key.slice(2)}`
}

/** Expands a key with a `*` into one key per file that is really there; other keys pass unchanged. */
export function expandKey(packageDirectory: string, { key, targets }: ExportKey): ExportKey[] {
  if (!key.includes('*')) return [{ key, targets }]
  return targets.flatMap((target) => {
    const [before = '', after = ''] = target.slice(2).split('*')
    return globSync(`${before}**/*${after}`, { cwd: packageDirectory })
      .filter((file) => file.endsWith(after))
      .map((file) => file.slice(before.length, file.length - after.length))
      .map((middle) => ({ key: key.replace('*', middle), targets: [`./${join(before, middle)}${after}`] }))
  })
}

function targetsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(targetsOf)
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(targetsOf)
  return []
}
