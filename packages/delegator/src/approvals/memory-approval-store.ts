import { type Clock, ConflictError, NotFoundError, systemClock } from '@posthorn/core'
import type { ApprovalStore, PendingApproval } from './approval-store.ts'

/** `expired`: nobody has decided in time. */
export type ApprovalStatus = 'pending' | 'approved' | 'rejected' | 'expired'

/** What a person decides. */
export type ApprovalDecision = 'approved' | 'rejected'

/** An approval with what became of it. */
export interface Approval extends PendingApproval {
  readonly status: ApprovalStatus
  readonly decidedAt?: Date
}

/** Options of a {@link MemoryApprovalStore}. */
export interface MemoryApprovalStoreOptions {
  readonly clock?: Pick<Clock, 'now'>
  /** Approvals that are kept; the oldest gives way. Default 10 000. */
  readonly max?: number
}

/** Approvals in this process: they are gone when it ends. */
export class MemoryApprovalStore implements ApprovalStore {
  readonly #approvals = new Map<string, Approval>()
  readonly #clock: Pick<Clock, 'now'>
  readonly #max: number

  constructor(options: MemoryApprovalStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock
    this.#max = options.max ?? 10_000
  }

  async create(approval: PendingApproval): Promise<void> {
    this.#approvals.set(approval.id, { ...approval, status: 'pending' })
    const oldest = this.#approvals.size > this.#max ? this.#approvals.keys().next() : undefined
    if (oldest?.done === false) this.#approvals.delete(oldest.value)
  }

  /** The approval; undefined if there is none. */
  get(id: string): Approval | undefined {
    const approval = this.#approvals.get(id)
    return approval === undefined ? undefined : this.#asOfNow(approval)
  }

  /** Approvals, the oldest first; of one status if it is given. */
  list(status?: ApprovalStatus): Approval[] {
    const all = Array.from(this.#approvals.values(), (approval) => this.#asOfNow(approval))
    return status === undefined ? all : all.filter((approval) => approval.status === status)
  }

  /**
   * Decides an approval. The same decision again changes nothing.
   *
   * @throws NotFoundError if there is no such approval, ConflictError if it has expired or was decided otherwise
   */
  decide(id: string, decision: ApprovalDecision): Approval {
    const approval = this.get(id)
    if (approval === undefined) throw new NotFoundError(`there is no approval ${id}`)
    if (approval.status === decision) return approval
    if (approval.status !== 'pending') throw new ConflictError(`the approval ${id} is ${approval.status}`)
    const decided: Approval = { ...approval, status: decision, decidedAt: new Date(this.#clock.now()) }
    this.#approvals.set(id, decided)
    return decided
  }

  #asOfNow(approval: Approval): Approval {
    const isOver = approval.status === 'pending' && approval.expiresAt.getTime() <= this.#clock.now()
    return isOver ? { ...approval, status: 'expired' } : approval
  }
}
