import { type Clock, formatId, uuidv7 } from '@posthorn/core'
import type { ApprovalStore } from '../approvals/approval-store.ts'
import { pendingApprovalOptions } from './grammar.ts'
import type { FallbackStrategy } from './strategy.ts'

/** Leaves the call to a person, and answers `{ status: 'pending', approvalId, expiresAt }`. */
export function pendingApproval(store: ApprovalStore, clock: Pick<Clock, 'now'>): FallbackStrategy {
  return {
    name: 'pending-approval',
    options: pendingApprovalOptions,
    async run(request, options) {
      const { expiresIn } = pendingApprovalOptions.parse(options)
      const id = uuidv7()
      const createdAt = new Date(clock.now())
      const expiresAt = new Date(createdAt.getTime() + expiresIn)
      const { callId, appId, capability, payloadText, context, signal } = request
      await store.create(
        { id, callId, appId, capability, payloadText, context, createdAt, expiresAt },
        signal,
      )
      const approvalId = formatId('apr', id)
      return {
        data: { status: 'pending', approvalId, expiresAt: expiresAt.toISOString() },
        audit: { approvalId },
      }
    },
  }
}
