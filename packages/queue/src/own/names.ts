import { ValidationError } from '@posthorn/core'
import { type QueueTable, quoteIdentifier } from '../table.ts'

/** Where a queue of this package keeps its tables. */
export interface QueueLocation {
  /** PostgreSQL schema. `posthorn_queue` */
  schema?: string
  /** Name of the queue: lower-case letters, digits and `_`, at most 40 characters. `jobs` */
  name?: string
}

/** The tables and the channel of one queue. */
export interface QueueNames {
  schema: string
  name: string
  table: QueueTable
  /** Quoted and qualified, as they stand in SQL. */
  jobs: string
  buried: string
  groups: string
  /** Channel of `LISTEN`. */
  channel: string
}

/**
 * Names everything that belongs to a queue.
 * @throws {ValidationError} when the name or the schema is not a plain identifier.
 */
export function queueNames({ schema = 'posthorn_queue', name = 'jobs' }: QueueLocation): QueueNames {
  const issues = Object.entries({ schema, name })
    .filter(([, value]) => !/^[a-z_][a-z0-9_]{0,39}$/.test(value))
    .map(([path, value]) => ({
      path,
      message: `is ${JSON.stringify(value)}`,
      expected: 'lower-case letters, digits and _, at most 40 characters',
    }))
  if (issues.length > 0) throw new ValidationError(issues)
  const relation = (suffix: string) => `${quoteIdentifier(schema)}.${quoteIdentifier(`${name}${suffix}`)}`
  const groups = relation('_groups')
  return {
    schema,
    name,
    table: { schema, name, groupColumn: 'group_key', groupType: 'text', gates: groups },
    jobs: relation(''),
    buried: relation('_buried'),
    groups,
    channel: schema === 'posthorn_queue' ? `posthorn_queue_${name}` : `${schema.slice(0, 20)}_${name}`,
  }
}
