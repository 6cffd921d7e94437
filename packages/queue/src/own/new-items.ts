import { uuidv7, ValidationError, type ValidationIssue } from '@posthorn/core'

/** A job to be enqueued. */
export interface NewItem<T> {
  /** A uuid; made when absent. An id that is already in the queue is not enqueued again. */
  id?: string
  /** Fairness, caps and pauses are counted by group. `default` */
  group?: string
  /** Anything that JSON can hold. */
  payload: T
  /** Due this long after the enqueue, in milliseconds. 0 */
  delayMs?: number
  /** Due at this time; instead of `delayMs`. */
  runAt?: Date
  /** Jobs of a group with the same key are worked one after the other, in the order of their enqueueing. */
  orderingKey?: string
}

/** Columns of the enqueueing statement: ids, groups, payloads, delays in ms, times, ordering keys. */
export type NewItemColumns = [string[], string[], string[], number[], (Date | null)[], (string | null)[]]

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const maxKeyBytes = 1024

/**
 * Checks items and turns them into columns; every mistake of every item at once.
 * @throws {ValidationError}
 */
export function newItemColumns<T>(items: readonly NewItem<T>[]): NewItemColumns {
  const issues: ValidationIssue[] = []
  const columns: NewItemColumns = [[], [], [], [], [], []]
  items.forEach((item, index) => {
    const wrong = (field: string, message: string, expected: string) =>
      issues.push({ path: `[${index}].${field}`, message, expected })
    const { id = uuidv7(), group = 'default', delayMs = 0, runAt, orderingKey } = item
    if (!uuidPattern.test(id)) wrong('id', 'is not a uuid', 'a uuid')
    if (!isKey(group)) wrong('group', 'is not usable', keyExpectation)
    if (orderingKey !== undefined && !isKey(orderingKey))
      wrong('orderingKey', 'is not usable', keyExpectation)
    if (!(Number.isFinite(delayMs) && delayMs >= 0)) wrong('delayMs', `is ${delayMs}`, 'milliseconds from 0')
    if (runAt !== undefined && Number.isNaN(runAt.getTime())) wrong('runAt', 'is not a date', 'a valid Date')
    if (runAt !== undefined && item.delayMs !== undefined) {
      wrong('runAt', 'stands beside delayMs', 'one of the two')
    }
    const payload = toJson(item.payload)
    if (payload === undefined) wrong('payload', 'cannot be written as JSON', 'a JSON value')
    columns[0].push(id.toLowerCase())
    columns[1].push(group)
    columns[2].push(payload ?? '')
    columns[3].push(delayMs)
    columns[4].push(runAt ?? null)
    columns[5].push(orderingKey ?? null)
  })
  if (issues.length > 0) throw new ValidationError(issues)
  return columns
}

const keyExpectation = `1 to ${maxKeyBytes} bytes of text without NUL`

/** Groups and ordering keys are part of index entries, which PostgreSQL limits to a third of a page. */
export function isKey(text: unknown): boolean {
  if (typeof text !== 'string' || text === '' || text.includes('\0')) return false
  const bytes = Buffer.from(text)
  return bytes.length <= maxKeyBytes && bytes.toString() === text
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
