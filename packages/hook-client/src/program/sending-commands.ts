import { type Command, Option } from 'commander'
import type { LogsOptions } from '../commands/logs.ts'
import { withSending } from '../commands/sending.ts'
import { LOG_FILES, LOG_LEVELS } from '../logs/index.ts'
import { jsonOption, pointInTime, type Run, wholeNumber } from './options.ts'

/** Commands that send, and those that show how sending went. */
export function addSendingCommands(program: Command, run: Run): void {
  program
    .command('drain')
    .description('send everything that waits, now')
    .option('--watch', 'go on sending whatever comes, until it is stopped', false)
    .addOption(jsonOption())
    .action((options: { watch: boolean; json: boolean }) =>
      run(options, async (context, output) => {
        const { drain, watch } = await import('../commands/drain.ts')
        return withSending(context, (sending) =>
          options.watch ? watch(output, sending) : drain(context, output, sending),
        )
      }),
    )
  program
    .command('test')
    .description('send one event through the whole path, and print each step with its time')
    .addOption(jsonOption())
    .action((options: { json: boolean }) =>
      run(options, async (context, output) => {
        const { test } = await import('../commands/test.ts')
        return withSending(context, (sending) => test(context, output, sending))
      }),
    )
  program
    .command('logs')
    .description('show what was sent, what failed and what happened in the spool')
    .option('--request-id <id>', 'of this event; how it begins is enough')
    .addOption(new Option('--level <level>', 'this level and the more serious ones').choices(LOG_LEVELS))
    .addOption(new Option('--file <files...>', 'only these logs').choices(LOG_FILES))
    .addOption(new Option('--since <time>', 'ISO 8601, or how long ago: 15m, 2h').argParser(pointInTime))
    .addOption(new Option('--until <time>', 'in the same form').argParser(pointInTime))
    .option('--text <text>', 'that stands in the entry, in any case')
    .option('-n, --lines <n>', 'how many at most, the newest', wholeNumber(1, 1_000_000), 100)
    .option('-f, --follow', 'go on with what is written from now on', false)
    .addOption(jsonOption())
    .action((options: LogsOptions & { json: boolean }) =>
      run(options, async (context, output) => {
        const { logs } = await import('../commands/logs.ts')
        const { json: _, ...wanted } = options
        return withSending(context, ({ signal }) => logs(wanted, context, output, signal))
      }),
    )
}
