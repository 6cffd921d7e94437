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
    .showHelpAfterError('Say "posthorn-hook --help" for help.')
    .exitOverride()
  addSetUpCommands(program, run)
  addQueueCommands(program, run)
  addSendingCommands(program, run)
  program
    .command('capture')
    .description('what hooks start: takes an event from standard input, prints nothing, always exits with 0')
    .option('--wait <ms>', 'wait this long for the event to reach the server')
  return program
}
