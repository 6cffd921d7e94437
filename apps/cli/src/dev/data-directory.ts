import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ValidationError } from '@posthorn/core'
import { isMissing, isTaken } from './file-errors.ts'

/** What a data directory of `posthorn dev` holds. */
export interface DataDirectory {
  readonly path: string
  /** `id:<32 bytes in base64>`; without it the secrets in the database cannot be opened */
  readonly encryptionKeyFile: string
  readonly adminKeyFile: string
  /** password of its PostgreSQL's owner */
  readonly databasePasswordFile: string
  readonly lockFile: string
  /** what a running server tells other commands */
  readonly stateFile: string
  readonly logFile: string
}

/** The names in a data directory; nothing is touched. */
export function dataDirectory(path: string): DataDirectory {
  const root = resolve(path)
  return {
    path: root,
    encryptionKeyFile: join(root, 'encryption.key'),
    adminKeyFile: join(root, 'admin.key'),
    databasePasswordFile: join(root, 'database.password'),
    lockFile: join(root, 'dev.lock'),
    stateFile: join(root, 'dev.json'),
    logFile: join(root, 'dev.log'),
  }
}

/**
 * Makes the folder, for its owner alone. As root others may pass through, since PostgreSQL runs as another user. A folder
 * that is there already keeps its mode: it may be somebody's home, or `/tmp`. What is put into it has modes of its own.
 *
 * @throws ValidationError when it cannot be made or is something else
 */
export async function makeDataDirectory({ path }: DataDirectory): Promise<void> {
  try {
    const isNew = await makeFolder(path)
    if (isNew) await chmod(path, userInfo().uid === 0 ? 0o711 : 0o700)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new ValidationError(
      [
        {
          path: '--data-dir',
          message: `cannot be used: ${path} (${code})`,
          expected: 'a folder that can be made and written',
        },
      ],
      { cause },
    )
  }
}

/**
 * Not `mkdir` with `recursive`: where a folder exists in which none can be made (`/proc`), that never returns.
 *
 * @returns false: it was there
 */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path)
  } catch (error) {
    if (isTaken(error) && (await isFolder(path))) return false
    if (!isMissing(error) || (await isFolder(dirname(path)))) throw error
    await makeFolder(dirname(path))
    await mkdir(path)
  }
  return true
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

/** The text of a secret's file; made the first time, readable by its owner alone and on disk before it is used. */
export async function readOrMakeSecret(
  path: string,
  make: () => string,
): Promise<{ text: string; isNew: boolean }> {
  const present = await readSecret(path)
  if (present !== undefined) return { text: present, isNew: false }
  const text = make()
  const partial = `${path}.${process.pid}`
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', 0o600)
  await file.writeFile(`${text}\n`)
  await file.sync()
  await file.close()
  try {
    // Unlike a rename it never takes the place of a key that another process has made meanwhile.
    await link(partial, path)
    return { text, isNew: true }
  } catch (error) {
    const other = await readSecret(path)
    if (other === undefined) throw error
    return { text: other, isNew: false }
  } finally {
    await rm(partial, { force: true })
  }
}

/** The text of a secret's file, or undefined when there is none. */
export async function readSecret(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    return text === '' ? undefined : text
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
