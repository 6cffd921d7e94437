import { type Command, Option } from 'commander'
import type { SpoolFolder } from '../spool/types.ts'
import { duration, jsonOption, type Run, wholeNumber } from './options.ts'

const IDS = 'request ids, or how they begin'

/** `queue ls`, `show`, `retry`, `purge`, `fsck`: the events in the spool. */
export function addQueueCommands(program: Command, run: Run): void {
  const queue = program.command('queue').description('look at the events in the spool, and deal with them')
  queue
    .command('ls')
    .description('list the events, in the order in which they are sent')
    .addOption(new Option('--folder <folder>', 'only this one').choices(['pending', 'processing', 'failed']))
    .option('--limit <n>', 'how many at most', wholeNumber(1, 1_000_000), 100)
    .addOption(jsonOption())
    .action((options: { folder?: SpoolFolder; limit: number; json: boolean }) =>
      run(options, async (context, output) => {
        const { listQueue } = await import('../commands/queue.ts')
        return listQueue(options, context, output)
      }),
    )
  queue
    .command('show')
    .description('show one event with everything that is known about it')
    .argument('<id>', 'its request id, or how it begins')
    .addOption(jsonOption())
    .action((id: string, options: { json: boolean }) =>
      run(options, async (context, output) => {
        const { showQueued } = await import('../commands/queue.ts')
        return showQueued(id, context, output)
      }),
    )
  queue
    .command('retry')
    .description('let failed events wait again, and waiting ones be due at once')
    .argument('[ids...]', IDS)
    .option('--all', 'every event', false)
    .option(
      '--unsealed',
      'also those that you did not capture here, or without a key; look at them first',
      false,
    )
    .addOption(jsonOption())
    .action((ids: string[], options: { all: boolean; unsealed: boolean; json: boolean }) =>
      run(options, async (context, output) => {
        const { retryQueued } = await import('../commands/queue.ts')
        return retryQueued(ids, options, context, output)
      }),
    )
  queue
    .command('purge')
    .description('delete events')
    .argument('[ids...]', IDS)
    .addOption(new Option('--folder <folder>', 'those in here').choices(['pending', 'failed', 'all']))
    .addOption(new Option('--older-than <time>', 'those captured longer ago: 12h, 7d').argParser(duration))
    .addOption(jsonOption())
    .action((ids: string[], options: PurgeFlags) =>
      run(options, async (context, output) => {
        const { purgeQueue } = await import('../commands/queue.ts')
        const { folder, olderThan } = options
        const which = {
          ...(folder && { folder }),
          ...(olderThan !== undefined && { olderThanMs: olderThan }),
        }
        return purgeQueue(ids, which, context, output)
      }),
    )
  queue
    .command('fsck')
    .description('look through the spool for what should not be there; exits with 1 when something is left')
    .option('--repair', 'mend what can be mended; no event is deleted', false)
    .addOption(jsonOption())
    .action((options: { repair: boolean; json: boolean }) =>
      run(options, async (context, output) => {
        const { checkQueue } = await import('../commands/queue.ts')
        return checkQueue(options, context, output)
      }),
    )
}

interface PurgeFlags {
  readonly folder?: 'pending' | 'failed' | 'all'
  readonly olderThan?: number
  readonly json: boolean
}
