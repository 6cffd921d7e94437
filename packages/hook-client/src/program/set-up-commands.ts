import { type Command, Option } from 'commander'
import { SCOPES } from '../claude-settings/settings-file.ts'
import type { InitOptions } from '../commands/init.ts'
import { jsonOption, type Run } from './options.ts'

/** Commands that set capture up and look after it. */
export function addSetUpCommands(program: Command, run: Run): void {
  program
    .command('init')
    .description("put the hooks into Claude Code's settings, or take them out again")
    .addOption(
      new Option(
        '--scope <scope>',
        'whose settings: shared with the project, your own in it, or your own everywhere',
      )
        .choices(SCOPES)
        .default('project'),
    )
    .option('--project-dir <folder>', 'the project (default: CLAUDE_PROJECT_DIR, or where you are)')
    .option('--remove', 'take out what init has put in', false)
    .option('--dry-run', 'only show what would change', false)
    .addOption(jsonOption())
    .action((options: InitOptions & { json: boolean }) =>
      run(options, async (context, output) => {
        const { init } = await import('../commands/init.ts')
        return init(options, context, output)
      }),
    )
  program
    .command('doctor')
    .description(
      'check everything that capture needs, and say what to do; exits with 1 when something is wrong',
    )
    .addOption(jsonOption())
    .action((options: { json: boolean }) =>
      run(options, async (context, output) => {
        const { doctor } = await import('../commands/doctor.ts')
        return doctor(context, output)
      }),
    )
  program
    .command('status')
    .description('what waits, who sends it, and why nothing is sent, if nothing is')
    .addOption(jsonOption())
    .action((options: { json: boolean }) =>
      run(options, async (context, output) => {
        const { status } = await import('../commands/status.ts')
        return status(context, output)
      }),
    )
}
