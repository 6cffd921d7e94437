import { createHash } from 'node:crypto'
import { chmod, mkdir, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { CommandError } from '../terminal/exit-codes.ts'

/** Where a cluster lies. */
export interface ClusterPlace {
  readonly path: string
  /** why it is not inside the data directory; undefined where it is */
  readonly reason: string | undefined
}

/**
 * Where the PostgreSQL cluster of a data directory lies: inside it, unless this process is root and other users cannot
 * enter one of the folders above (a home of mode 0700). PostgreSQL does not run as root, so the cluster is then kept
 * below `/var/lib/posthorn` or the folder for temporary files, in a place that follows from the data directory's path.
 *
 * @throws CommandError when there is no such place
 */
export async function placeCluster(
  dataDir: string,
  elsewhere: readonly string[] = ELSEWHERE,
): Promise<ClusterPlace> {
  const inside = { path: join(dataDir, 'postgres'), reason: undefined }
  if (userInfo().uid !== 0) return inside
  const closed = await closedFolder(dataDir)
  if (closed === undefined) return inside
  const reason = `PostgreSQL does not run as root, and other users cannot enter ${closed}`
  const name = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 16)
  const places = elsewhere.map((folder) => join(folder, name, 'postgres'))
  for (const path of places) if (await exists(join(path, 'PG_VERSION'))) return { path, reason }
  for (const path of places) if (await prepare(dirname(path))) return { path, reason }
  throw new CommandError(`${reason}, and there is no other place for its data.`, {
    hint: 'Give --data-dir a folder that every user may enter, or run as another user.',
  })
}

const ELSEWHERE = ['/var/lib/posthorn', join(tmpdir(), 'posthorn')]

/** The first folder, from this one up, that users who do not own it cannot enter. */
async function closedFolder(folder: string): Promise<string | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return at
    if (at === dirname(at)) return undefined
  }
}

async function prepare(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true })
    // Whatever the umask is: what lies below has its own mode.
    for (const each of [folder, dirname(folder)]) await chmod(each, 0o755)
    return (await closedFolder(folder)) === undefined
  } catch {
    return false
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
