import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { InstalledPackage } from './consumer.ts'
import { type ExportKey, expandKey, exportKeys, specifierOf } from './exports.ts'
import { tryRun } from './run.ts'
import { type Manifest, readManifest } from './workspace.ts'

/** What every published package must say about itself, and files that must be in its tarball. */
export function manifestProblems({ source, directory }: InstalledPackage): string[] {
  const manifest = readManifest(join(directory, 'package.json'))
  const problems: string[] = []
  if (manifest.license === undefined) problems.push('has no license field')
  if (manifest.engines?.node === undefined) problems.push('does not say which Node it needs')
  if (manifest.repository?.directory !== source.directory) {
    problems.push(`repository.directory is not "${source.directory}", which provenance needs`)
  }
  for (const file of ['README.md', 'LICENSE']) {
    if (!existsSync(join(directory, file))) problems.push(`${file} is not in the tarball`)
  }
  if (exportKeys(manifest.exports).length === 0) problems.push('exports nothing')
  for (const { key, targets } of packedKeys(directory)) {
    for (const target of targets) {
      if (!existsSync(join(directory, target)))
        problems.push(`exports "${key}" names ${target}: no such file`)
      if (target.endsWith('.ts') && !target.endsWith('.d.ts')) {
        problems.push(`exports "${key}" leads to the source file ${target}`)
      }
    }
  }
  return problems
}

/** Files of a packed package that carry the path of the machine it was built on, as source maps may. */
export function buildPathProblems({ directory }: InstalledPackage, root: string): string[] {
  return globSync('{*,dist/**/*,bin/**/*}', { cwd: directory })
    .filter((file) => statSync(join(directory, file)).isFile())
    .filter((file) => readFileSync(join(directory, file), 'utf8').includes(`${root}/`))
    .map((file) => `${file} names the folder it was built in`)
}

/** The keys of a packed package, with patterns expanded; a pattern without a file stays and is reported. */
export function packedKeys(directory: string): ExportKey[] {
  const manifest = readManifest(join(directory, 'package.json'))
  return exportKeys(manifest.exports).flatMap((key) => {
    const expanded = expandKey(directory, key)
    return expanded.length === 0 ? [key] : expanded
  })
}

/** Imports and requires every key as a user's code would. Keys that lead to other files only have to exist. */
export async function importProblems(
  { source, directory }: InstalledPackage,
  cwd: string,
): Promise<string[]> {
  const problems: string[] = []
  for (const { key, targets } of packedKeys(directory)) {
    const specifier = JSON.stringify(specifierOf(source.manifest.name, key))
    const script = key.endsWith('.json')
      ? `await import(${specifier}, { with: { type: 'json' } })`
      : `const names = Object.keys(await import(${specifier}))
         if (names.length === 0) throw new Error('exports no values')
         ;(await import('node:module')).createRequire(process.cwd() + '/x.js')(${specifier})
         process.exit(0)`
    if (!key.endsWith('.json') && !targets.some((target) => target.endsWith('.js'))) continue
    const { code, stderr } = await tryRun(process.execPath, ['--input-type=module', '--eval', script], cwd)
    if (code !== 0) problems.push(`cannot import ${specifier}: ${stderr.trim()}`)
  }
  return problems
}

/** Starts every command of a package with `--help`. */
export async function commandProblems({ directory }: InstalledPackage, cwd: string): Promise<string[]> {
  const problems: string[] = []
  for (const [name, path] of commands(readManifest(join(directory, 'package.json')))) {
    const file = join(directory, path)
    if (!existsSync(file)) {
      problems.push(`the command ${name} is missing: ${path}`)
      continue
    }
    if (!readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node')) {
      problems.push(`the command ${name} (${path}) does not begin with #!/usr/bin/env node`)
    }
    const { code, stderr } = await tryRun(process.execPath, [file, '--help'], cwd)
    if (code !== 0) problems.push(`${name} --help exited with ${code}: ${stderr.trim()}`)
  }
  return problems
}

function commands({ name, bin }: Manifest): [string, string][] {
  if (bin === undefined) return []
  return typeof bin === 'string' ? [[name, bin]] : Object.entries(bin)
}
