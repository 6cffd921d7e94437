import { globalSetup } from '../packages/db/src/testing/index.ts'

/** One server for the whole run: `DATABASE_URL`, else Docker, else embedded PostgreSQL 18. */
export const setup = (): Promise<() => Promise<void>> => globalSetup(18)
