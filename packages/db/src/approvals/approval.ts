import type { ApprovalStatus } from '../schema/index.ts'

/** A call that a person decides, since its app did not answer. */
export interface NewApproval {
  /** UUIDv7 */
  readonly id: string
  readonly callId: string
  readonly appId: string
  readonly capability: string
  /** JSON text, as it was given */
  readonly payloadText: string
  readonly context: Readonly<Record<string, unknown>>
  readonly createdAt: Date
  /** nobody can decide it from then on */
  readonly expiresAt: Date
}

/** An approval with what became of it. */
export interface Approval extends NewApproval {
  /** at the moment it was read */
  readonly status: ApprovalStatus
  readonly decidedAt: Date | null
  readonly decidedBy: string | null
  readonly note: string | null
  /** the event that tells the app of the decision, or that there was none */
  readonly eventId: string | null
}

/** Which approvals; all of them without one. */
export interface ApprovalFilter {
  readonly status?: ApprovalStatus | undefined
  readonly capability?: string | undefined
  /** `roomId` of the call's context */
  readonly roomId?: string | undefined
}

/** What a person decides. */
export interface ApprovalDecision {
  readonly decision: 'approved' | 'rejected'
  readonly by: string
  readonly note?: string | undefined
}
