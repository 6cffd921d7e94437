import { withSending } from './commands/sending.ts'
import { loadConfig } from './config/load-config.ts'
import { runSender } from './sender/run-sender.ts'
import { EXIT, type ExitCode } from './terminal/exit-codes.ts'

/** `posthorn-hook sender`: what capture leaves running, detached. Nobody reads what it says but the logs. */
export function senderMain(): Promise<ExitCode> {
  const settings = loadConfig()
  return withSending({ settings }, async (sending) => {
    await runSender({ config: settings.config, ...sending })
    return EXIT.ok
  })
}
