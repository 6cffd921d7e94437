import { migrate as migrateDatabase } from '@posthorn/db'
import { directUrl, parseConfig, serviceSettings } from '@posthorn/engine/config'
import { z } from 'zod'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import type { Output } from '../terminal/output.ts'

const { DATABASE_URL, DIRECT_URL } = serviceSettings
const schema = z.object({ DATABASE_URL, DIRECT_URL })

/** `posthorn migrate`: brings the database's schema up to date and makes partitions ahead. */
export async function migrate(output: Output): Promise<ExitCode> {
  const report = await migrateDatabase(directUrl(parseConfig(schema)))
  const applied =
    report.applied.length === 0 ? 'nothing to migrate' : `migrated: ${report.applied.join(', ')}`
  const partitions = report.partitions.length === 0 ? '' : `; ${report.partitions.length} partitions made`
  output.result(report, applied + partitions)
  return EXIT.ok
}
