import { readSecret } from '../dev/data-directory.ts'
import { runningDev } from '../dev/state.ts'
import { CommandError, EXIT, usageError } from '../terminal/exit-codes.ts'
import type { ServerAccess } from './api-client.ts'

/**
 * The server that a command talks to: the one given with `--server` and `--key` (or `POSTHORN_URL` and `POSTHORN_KEY`),
 * else the `posthorn dev` that runs on a data directory.
 *
 * @throws CommandError when there is none, or no key for it
 */
export async function serverAccess(options: {
  readonly server: string | undefined
  readonly key: string | undefined
  readonly dataDir: string
}): Promise<ServerAccess> {
  const url = options.server ?? process.env['POSTHORN_URL']
  const key = options.key ?? process.env['POSTHORN_KEY']
  if (url !== undefined) {
    if (key === undefined) throw usageError('A server needs a key: give --key or set POSTHORN_KEY.')
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw usageError(`${url} is no URL of a server.`)
    return { url, key }
  }
  const dev = await runningDev(options.dataDir)
  if (!dev) {
    throw new CommandError(`No "posthorn dev" runs on ${options.dataDir}.`, {
      exitCode: EXIT.unreachable,
      hint: 'Start it, or give --server and --key.',
    })
  }
  const ownKey = key ?? (await readSecret(dev.directory.adminKeyFile))
  if (ownKey === undefined) throw usageError(`${dev.directory.adminKeyFile} is missing: give --key.`)
  return { url: dev.url, key: ownKey }
}
