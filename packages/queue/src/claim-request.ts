import { ValidationError, type ValidationIssue } from '@posthorn/core'
import type { ClaimRequest } from './types.ts'

/** Most rows of one claim. */
export const maxClaim = 2000

/**
 * Checks a claim request; every mistake at once.
 * @throws {ValidationError}
 */
export function checkClaimRequest(request: ClaimRequest): void {
  const issues: ValidationIssue[] = []
  const integer = (path: string, value: number | undefined, from: number, to: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= from && value <= to)) {
      issues.push({ path, message: `is ${value}`, expected: `an integer from ${from} to ${to}` })
    }
  }
  integer('limit', request.limit, 0, maxClaim)
  integer('leaseMs', request.leaseMs, 1, 2 ** 31)
  integer('perGroup', request.perGroup, 1, 2 ** 31 - 1)
  integer('shared.limit', request.shared?.limit, 0, 2 ** 31 - 1)
  if (issues.length > 0) throw new ValidationError(issues)
}
