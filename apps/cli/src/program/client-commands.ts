import type { Command } from 'commander'
import type { EnqueueOptions } from '../commands/enqueue.ts'
import type { ListenOptions } from '../commands/listen.ts'
import { createOutput } from '../terminal/output.ts'
import { type Done, dataDirOption, gather, jsonOption, wholeNumber } from './options.ts'

const DEV_DATA = 'of the "posthorn dev" to work with, where the environment names no other'

/** Commands that use a Posthorn that is there. */
export function addClientCommands(program: Command, done: Done): void {
  program
    .command('enqueue')
    .description('enqueue one event for one URL')
    .requiredOption('--url <url>', 'where it is delivered')
    .requiredOption('--payload <json>', 'JSON, @file, or - for standard input; delivered byte for byte')
    .option('--type <type>', 'type of the event, sent as x-event-type')
    .option('--idempotency-key <key>', 'the same key again enqueues nothing')
    .option('--max-attempts <n>', 'tries, the first included', wholeNumber(1, 1_000))
    .option('--scheduled-at <time>', 'time of the first try, ISO 8601')
    .option('--ordering-key <key>', 'deliveries of one key go out one after the other')
    .option('--header <name: value>', 'extra header of the delivery; may be repeated', gather, [])
    .option('--metadata <json>', 'an object that is kept with the event')
    .addOption(dataDirOption(DEV_DATA))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nIt writes to the database of DATABASE_URL, or of the "posthorn dev" that runs here.',
    )
    .action(async (options: EnqueueOptions & { json: boolean }) => {
      const { enqueue } = await import('../commands/enqueue.ts')
      done(await enqueue(options, createOutput(options.json)))
    })
  program
    .command('listen')
    .description('forward the deliveries of a server on this machine to a URL, and print them')
    .requiredOption('--forward <url>', 'where to, or a port of this machine')
    .option('--events <types...>', 'types of events: order.created, order.*, *', ['*'])
    .option('--server <url>', 'the server (POSTHORN_URL)')
    .option('--key <key>', 'an admin key of it (POSTHORN_KEY)')
    .addOption(dataDirOption(DEV_DATA))
    .addOption(jsonOption())
    .action(async (options: ListenOptions & { json: boolean }) => {
      const { listen } = await import('../commands/listen.ts')
      done(await listen(options, createOutput(options.json)))
    })
}
