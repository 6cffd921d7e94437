import { describeIssues, ValidationError } from '@posthorn/core'
import closeWithGrace from 'close-with-grace'
import { type IngestConfig, parseIngestConfig } from './config.ts'
import { serveIngest } from './serve.ts'

const CONFIGURATION_MISTAKE = 64

function configuration(): IngestConfig {
  try {
    return parseIngestConfig()
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    process.stderr.write(`${describeIssues(error.issues)}\n`)
    process.exit(CONFIGURATION_MISTAKE)
  }
}

const config = configuration()
const service = await serveIngest(config)
closeWithGrace({ delay: config.SHUTDOWN_GRACE, logger: service.app.log }, async ({ err }) => {
  if (err) service.app.log.error({ err }, 'stopping after an error')
  await service.close()
})
