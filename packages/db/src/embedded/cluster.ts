import { spawn } from 'node:child_process'
import { chown, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { PostgresBinaries } from './binaries.ts'
import { finished } from './server-process.ts'

/** The role that owns everything in a cluster. */
export const OWNER = 'posthorn'

/** `pg_hba.conf` of a cluster with a password: nobody else, and nothing but loopback. */
const WITH_PASSWORD = `# Written by Posthorn at each start.
host all ${OWNER} 127.0.0.1/32 scram-sha-256
`

/** Makes a cluster where none is. */
export async function initialise(
  binaries: PostgresBinaries,
  dataDir: string,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted()
  if (await readable(join(dataDir, 'PG_VERSION'))) return
  // Made apart and renamed when whole: a first start that is killed half-way leaves nothing that looks like a cluster.
  const unfinished = `${dataDir}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true, mode: 0o700 })
  try {
    if (binaries.runAs) await chown(unfinished, binaries.runAs.uid, binaries.runAs.gid)
    const child = spawn(
      binaries.initdb,
      ['-D', unfinished, '-U', OWNER, '--auth=trust', '--encoding=UTF8', '--no-locale'],
      { ...binaries.runAs, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] },
    )
    await finished(child, 'initdb', signal)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  await rename(unfinished, dataDir)
}

/**
 * Gives the owner of a stopped cluster a password and lets nobody in without it. PostgreSQL's single-user mode listens
 * nowhere, so there is no moment at which others could come first.
 */
export async function lockWithPassword(
  binaries: PostgresBinaries,
  dataDir: string,
  password: string,
  signal?: AbortSignal,
): Promise<void> {
  const settings = [
    'exit_on_error=on',
    'password_encryption=scram-sha-256',
    // An error must not print the statement: the password is in it.
    'log_min_error_statement=panic',
    'log_statement=none',
  ]
  const child = spawn(
    binaries.postgres,
    ['--single', ...settings.flatMap((each) => ['-c', each]), '-D', dataDir, 'postgres'],
    { ...binaries.runAs, cwd: '/', stdio: ['pipe', 'ignore', 'pipe'] },
  )
  // A program that ended early has said why on standard error.
  child.stdin.on('error', () => undefined)
  child.stdin.end(`alter role ${OWNER} password ${pg.escapeLiteral(password)}\n`)
  await finished(child, 'setting the password', signal)
  await replaceAccessRules(binaries, dataDir)
}

/** Whether a cluster, also one that runs, lets in with a password alone. */
export async function takesPasswords(dataDir: string): Promise<boolean> {
  return (await readFile(accessRules(dataDir), 'utf8').catch(() => '')) === WITH_PASSWORD
}

async function replaceAccessRules({ runAs }: PostgresBinaries, dataDir: string): Promise<void> {
  const partial = `${accessRules(dataDir)}.partial`
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', 0o600)
  try {
    if (runAs) await file.chown(runAs.uid, runAs.gid)
    await file.writeFile(WITH_PASSWORD)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, accessRules(dataDir))
}

const accessRules = (dataDir: string): string => join(dataDir, 'pg_hba.conf')

const readable = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    () => false,
  )
