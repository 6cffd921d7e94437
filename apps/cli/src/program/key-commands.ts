import type { KeyRole } from '@posthorn/db'
import { type Command, Option } from 'commander'
import type { CreateKeyOptions } from '../commands/keys.ts'
import { createOutput } from '../terminal/output.ts'
import { type Done, dataDirOption, jsonOption, wholeNumber } from './options.ts'

const DEV_DATA = 'of the "posthorn dev" to work with, where the environment names no other'

/** Named here, so that help needs no database code; the type says whether one is missing. */
const ROLES: Readonly<Record<KeyRole, true>> = { ingest: true, read: true, operator: true, admin: true }

/** `keys create`, `keys list`, `keys revoke`: API keys, straight in the database. */
export function addKeyCommands(program: Command, done: Done): void {
  const keys = program.command('keys').description('make, list and revoke API keys')
  keys
    .command('create')
    .description('make a key and print it, this once')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--role <role>', 'what it may do').choices(Object.keys(ROLES)).makeOptionMandatory(),
    )
    .option('--app <id>', 'the app that it belongs to; none: the platform')
    .option('--expires-in-days <n>', 'when it ends by itself', wholeNumber(1, 36_500))
    .addOption(dataDirOption(DEV_DATA))
    .addOption(jsonOption())
    .action(async (options: CreateKeyOptions & { json: boolean }) => {
      const { createKey } = await import('../commands/keys.ts')
      done(await createKey(options, createOutput(options.json)))
    })
  keys
    .command('list')
    .description('list all keys, without their secrets')
    .addOption(dataDirOption(DEV_DATA))
    .addOption(jsonOption())
    .action(async (options: { dataDir: string; json: boolean }) => {
      const { listKeys } = await import('../commands/keys.ts')
      done(await listKeys(options, createOutput(options.json)))
    })
  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<id>', 'key_…')
    .addOption(dataDirOption(DEV_DATA))
    .addOption(jsonOption())
    .action(async (id: string, options: { dataDir: string; json: boolean }) => {
      const { revokeKey } = await import('../commands/keys.ts')
      done(await revokeKey(id, options, createOutput(options.json)))
    })
}
