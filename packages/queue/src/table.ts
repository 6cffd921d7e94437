import { ValidationError, type ValidationIssue } from '@posthorn/core'

/**
 * A table that has the queue columns: `id uuid` (primary key), the group column, `status text`
 * (`pending` `processing` `halted`), `next_attempt_at timestamptz`, `attempt_count int`, `claim_count int`,
 * `lease_token uuid`, `lease_expires_at timestamptz`, `ordering_key text`, `seq bigint`.
 * It may have more columns; `queueIndexes` names the indexes it needs.
 */
export interface QueueTable {
  schema: string
  name: string
  /** Column of the group, for instance `endpoint_id`. */
  groupColumn: string
  groupType: 'uuid' | 'text'
  /**
   * Relation with `(group_key, max_in_flight int, allowance int)`, as it stands in SQL (`posthorn.gates`).
   * A group without a row, or with null, has the default cap and no allowance limit. It is asked by
   * `group_key = …`, one group at a time, so a view must pass that condition down to an index.
   */
  gates?: string
}

/** Quotes one SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes one SQL string literal. */
export function quoteLiteral(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`
}

/** `"schema"."name"` */
export function qualifiedName(table: QueueTable): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`
}

const gatesPattern = /^(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")(?:\.(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+"))?$/i

/**
 * Checks a table description before SQL is built from it.
 * @throws {ValidationError} when `gates` is anything but a relation's name, or the group type is unknown.
 */
export function checkQueueTable(table: QueueTable): QueueTable {
  const issues: ValidationIssue[] = []
  for (const field of ['schema', 'name', 'groupColumn'] as const) {
    if (table[field] === '' || table[field].includes('\0')) {
      issues.push({ path: field, message: 'must be a non-empty identifier' })
    }
  }
  if (table.groupType !== 'uuid' && table.groupType !== 'text') {
    issues.push({ path: 'groupType', message: 'is unknown', expected: "'uuid' or 'text'" })
  }
  if (table.gates !== undefined && !gatesPattern.test(table.gates)) {
    issues.push({ path: 'gates', message: 'must be the name of a relation', expected: 'schema.relation' })
  }
  if (issues.length > 0) throw new ValidationError(issues)
  return table
}
