import { Command } from 'commander'
import { addClientCommands } from './program/client-commands.ts'
import { addKeyCommands } from './program/key-commands.ts'
import type { Done } from './program/options.ts'
import { addServiceCommands } from './program/service-commands.ts'
import { version } from './version.ts'

const MORE_HELP = `
Services are configured by environment variables: "posthorn config" prints those in force.
Exit codes: 0 done, 1 failed, 64 wrong usage or configuration, 69 unreachable, 75 try again later.`

/** The command line. The code of a command is loaded when it is used. */
export function createProgram(done: Done): Command {
  const program = new Command('posthorn')
    .description('Webhooks that arrive: durable delivery on PostgreSQL.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'describe a command')
    .addHelpText('after', MORE_HELP)
    .showHelpAfterError('Say "posthorn --help" for help.')
    .exitOverride()
  addServiceCommands(program, done)
  addClientCommands(program, done)
  addKeyCommands(program, done)
  return program
}
