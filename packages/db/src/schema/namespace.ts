import { customType, pgSchema, timestamp } from 'drizzle-orm/pg-core'

/** Every table of Posthorn lives in this PostgreSQL schema, so that it can share a database with its user's own tables. */
export const posthorn = pgSchema('posthorn')

/** `timestamptz` read as a JavaScript `Date`, microseconds cut to milliseconds. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** Raw bytes: hashes and sealed secrets. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** Text compared byte by byte, whatever the database's collation: it then sorts as JavaScript sorts ASCII. */
export const ordered = customType<{ data: string }>({ dataType: () => 'text collate "C"' })
