import { formatId, parseId } from '@posthorn/core'
import { KeyRepository, type KeyRole, type KeySummary } from '@posthorn/db'
import { openServicePool } from '@posthorn/engine/config'
import { databaseConfig } from '../client/library-access.ts'
import { CommandError, EXIT, type ExitCode, usageError } from '../terminal/exit-codes.ts'
import { columns, type Output } from '../terminal/output.ts'

/** Options of `posthorn keys create`. */
export interface CreateKeyOptions {
  readonly name: string
  readonly role: KeyRole
  readonly app?: string
  readonly expiresInDays?: number
  readonly dataDir: string
}

const DAY_MS = 86_400_000

/** `posthorn keys create`: a new API key; its text is shown this once. */
export function createKey(options: CreateKeyOptions, output: Output): Promise<ExitCode> {
  const appId = options.app === undefined ? null : parseId('app', options.app)
  if (appId === undefined) throw usageError(`${options.app} is not the id of an app (app_<32 hex digits>).`)
  return withKeys(options.dataDir, async (keys) => {
    const { name, role, expiresInDays } = options
    const expiresAt = expiresInDays === undefined ? undefined : new Date(Date.now() + expiresInDays * DAY_MS)
    const made = await keys.create({ name, role, appId, ...(expiresAt && { expiresAt }) })
    const id = formatId('key', made.id)
    output.result({ id, key: made.key, name, role, expiresAt: expiresAt ?? null }, made.key)
    if (!output.json) output.note(`${id}, role ${role}. This is the only time that the key is shown.`)
    return EXIT.ok
  })
}

/** `posthorn keys list`: every key, without its secret. */
export function listKeys(options: { dataDir: string }, output: Output): Promise<ExitCode> {
  return withKeys(options.dataDir, async (keys) => {
    const list = await keys.list()
    if (output.json) for (const key of list) output.result(shown(key), '')
    else if (list.length === 0) output.line('There are no keys.')
    else output.line(columns([['ID', 'NAME', 'ROLE', 'APP', 'STATE', 'LAST USED'], ...list.map(row)]))
    return EXIT.ok
  })
}

/** `posthorn keys revoke`: ends a key at once; services may remember it for five seconds. */
export function revokeKey(text: string, options: { dataDir: string }, output: Output): Promise<ExitCode> {
  const id = parseId('key', text) ?? parseId('key', /^phk_([0-9a-f]{32})_/.exec(text)?.[1] ?? '')
  if (id === undefined) throw usageError('That is not the id of a key (key_<32 hex digits>).')
  return withKeys(options.dataDir, async (keys) => {
    if (!(await keys.revoke(id))) {
      throw new CommandError(
        `There is no valid key ${formatId('key', id)}: it does not exist or was revoked before.`,
      )
    }
    output.result({ id: formatId('key', id), revoked: true }, `${formatId('key', id)} is revoked`)
    return EXIT.ok
  })
}

async function withKeys(
  dataDir: string,
  work: (keys: KeyRepository) => Promise<ExitCode>,
): Promise<ExitCode> {
  const pool = openServicePool(await databaseConfig(dataDir), { max: 1, name: 'posthorn-keys' })
  try {
    return await work(new KeyRepository(pool))
  } finally {
    await pool.end()
  }
}

function shown(key: KeySummary): Record<string, unknown> {
  return {
    ...key,
    id: formatId('key', key.id),
    appId: key.appId === null ? null : formatId('app', key.appId),
  }
}

function row(key: KeySummary): string[] {
  const day = (date: Date | null) => date?.toISOString().slice(0, 16).replace('T', ' ') ?? 'never'
  const app = key.appId === null ? 'any' : formatId('app', key.appId)
  return [formatId('key', key.id), key.name, key.role, app, stateOf(key), day(key.lastUsedAt)]
}

function stateOf({ revokedAt, expiresAt }: KeySummary): string {
  if (revokedAt) return 'revoked'
  if (!expiresAt) return 'valid'
  return `${expiresAt <= new Date() ? 'expired' : 'until'} ${expiresAt.toISOString().slice(0, 10)}`
}
