/** A call that a person decides, since the app did not answer. */
export interface PendingApproval {
  /** UUIDv7. */
  readonly id: string
  /** UUIDv7 of the call. */
  readonly callId: string
  readonly appId: string
  readonly capability: string
  /** JSON text of the call's payload, as it was given. */
  readonly payloadText: string
  readonly context: Readonly<Record<string, unknown>>
  readonly createdAt: Date
  /** Nobody can decide it from then on. */
  readonly expiresAt: Date
}

/** Where approvals are kept. Listing and deciding them is the business of whoever owns the store. */
export interface ApprovalStore {
  /**
   * @param signal aborted when the call was answered without it: what is not kept by then had better not be
   * @throws whatever goes wrong: the call then answers `null`, and an incident is recorded
   */
  create(approval: PendingApproval, signal: AbortSignal): Promise<void>
}
