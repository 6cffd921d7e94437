import { describe } from 'vitest'
import { fairnessConformance } from './fairness.ts'
import { gateConformance } from './gates.ts'
import type { QueueBackend } from './harness.ts'
import { invariantConformance } from './invariants.ts'
import { leaseConformance } from './leases.ts'
import { orderingConformance } from './ordering.ts'
import { schedulingConformance } from './scheduling.ts'

export type { HarnessItem, QueueBackend, QueueHarness } from './harness.ts'

/** Declares, with vitest, the tests that every queue backend must pass. Call it in a test file. */
export function queueConformance(backend: QueueBackend): void {
  describe(`${backend.name} is a queue`, () => {
    schedulingConformance(backend)
    leaseConformance(backend)
    gateConformance(backend)
    fairnessConformance(backend)
    orderingConformance(backend)
    invariantConformance(backend)
  })
}
