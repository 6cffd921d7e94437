import { describeIssues, ValidationError } from '@posthorn/core'
import closeWithGrace from 'close-with-grace'
import { parseWorkerConfig, type WorkerConfig } from './config.ts'
import { serveWorker } from './serve.ts'

const CONFIGURATION_MISTAKE = 64

function configuration(): WorkerConfig {
  try {
    return parseWorkerConfig()
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    process.stderr.write(`${describeIssues(error.issues)}\n`)
    process.exit(CONFIGURATION_MISTAKE)
  }
}

const config = configuration()
const worker = await serveWorker(config)
closeWithGrace({ delay: config.SHUTDOWN_GRACE }, async ({ err }) => {
  if (err) process.stderr.write(`stopping after an error: ${err.stack ?? err.message}\n`)
  await worker.close()
})
