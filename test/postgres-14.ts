import { globalSetup } from '../packages/db/src/testing/index.ts'

/** The oldest PostgreSQL that Posthorn supports, for the suites that speak SQL. */
export const setup = (): Promise<() => Promise<void>> => globalSetup(14)
