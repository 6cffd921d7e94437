import type { Command } from 'commander'
import type { DevCommandOptions } from '../commands/dev.ts'
import { createOutput } from '../terminal/output.ts'
import { type Done, dataDirOption, jsonOption, wholeNumber } from './options.ts'

/** Commands that run services, and what belongs to running them. */
export function addServiceCommands(program: Command, done: Done): void {
  program
    .command('dev')
    .description('run everything on this machine: PostgreSQL, the HTTP service and a worker')
    .option('--port <port>', 'where it listens; 0: any free port', wholeNumber(0, 65_535), 8_080)
    .option('--host <address>', 'address that it listens on', '127.0.0.1')
    .addOption(dataDirOption('where its data and keys are kept'))
    .option('--allow-private-network', 'deliver to this machine and private networks too', false)
    .addOption(jsonOption())
    .action(async (options: DevCommandOptions & { json: boolean }) => {
      const { dev } = await import('../commands/dev.ts')
      done(await dev(options, createOutput(options.json)))
    })
  program
    .command('ingest')
    .description('run the HTTP service')
    .action(async () => {
      const { ingest } = await import('../commands/ingest.ts')
      done(await ingest())
    })
  program
    .command('worker')
    .description('run the delivery worker')
    .option('--once', 'deliver what is due now, then end', false)
    .addOption(jsonOption())
    .action(async (options: { once: boolean; json: boolean }) => {
      const { worker } = await import('../commands/worker.ts')
      done(await worker(options, createOutput(options.json)))
    })
  program
    .command('migrate')
    .description("bring the database's schema up to date")
    .addOption(jsonOption())
    .action(async (options: { json: boolean }) => {
      const { migrate } = await import('../commands/migrate.ts')
      done(await migrate(createOutput(options.json)))
    })
  program
    .command('config')
    .description('print the configuration in force, without secrets, or every mistake in it')
    .addOption(jsonOption())
    .action(async (options: { json: boolean }) => {
      const { config } = await import('../commands/config.ts')
      done(await config(createOutput(options.json)))
    })
}
