import { Command } from 'commander'
import type { Run } from './program/options.ts'
import { addQueueCommands } from './program/queue-commands.ts'
import { addSendingCommands } from './program/sending-commands.ts'
import { addSetUpCommands } from './program/set-up-commands.ts'
import { VERSION } from './version.ts'

const MORE_HELP = `
Begin with "posthorn-hook init" in a project, then "posthorn-hook doctor".
Exit codes: 0 done, 1 failed, 64 wrong usage or configuration, 69 unreachable or refused, 75 try again later.`

/** The command line; `capture` and `sender` never come here. The code of a command is loaded when it is used. */
export function createProgram(run: Run): Command {
  const program = new Command('posthorn-hook')
    .description('Captures the events of Claude Code: on disk first, then to a Posthorn server.')
    .version(VERSION, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'describe a command')
    .addHelpText('after', MORE_HELP)
    .exitOverride()
  addSetUpCommands(program, run)
  addQueueCommands(program, run)
  addSendingCommands(program, run)
  program
    .command('capture')
    .description(
      'what hooks start: takes an event from standard input, prints nothing, always exits with 0; --wait <ms> sends before it ends',
    )
    .option('--wait <ms>', 'wait this long for the event to reach the server')
  pointToHelp(program, program.name())
  return program
}

/** After a mistake, the help of the command in which it was made. */
function pointToHelp(command: Command, name: string): void {
  command.showHelpAfterError(`Say "${name} --help" for help.`)
  for (const each of command.commands) pointToHelp(each, `${name} ${each.name()}`)
}
