import { readConfig, serve, tell } from '../machine/child-side.ts'
import type { WorkerConfig } from './contender.ts'
import { contenders } from './contenders/index.ts'

/** The process that is measured: one worker of one contender. */
const config = readConfig<WorkerConfig>()
const contender = contenders[config.contender]
if (contender === undefined) throw new Error(`unknown contender '${config.contender}'`)

const opening = contender.openWorker(config)
serve(
  {
    start: async () => {
      const worker = await opening
      worker.finished?.then(
        () => tell('finished'),
        (error: unknown) => tell('error', { message: String(error) }),
      )
      await worker.start()
      return undefined
    },
  },
  async () => (await opening).stop(),
)
await opening
tell('ready')
