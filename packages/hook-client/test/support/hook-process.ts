import { capture } from '../../src/capture/capture.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { silentLog } from '../../src/logs/types.ts'
import { runSender } from '../../src/sender/run-sender.ts'

const [action] = process.argv.slice(2)
const loaded = loadConfig()
if (action === 'capture') {
  await capture({
    loaded,
    openStdin: () => process.stdin,
    waitMs: 0,
    senderCommand: [process.execPath, process.argv[1] ?? '', 'sender'],
    log: silentLog,
  })
} else {
  await runSender({ config: loaded.config, log: silentLog })
}
process.exit(0)
