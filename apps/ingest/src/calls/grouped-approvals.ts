import { type ApprovalRepository, isDataError } from '@posthorn/db'
import type { ApprovalStore, PendingApproval } from '@posthorn/delegator'

const MAX_GROUP = 100

interface Waiting {
  readonly approval: PendingApproval
  readonly signal: AbortSignal
  resolve(): void
  reject(error: unknown): void
}

/**
 * Writes approvals that are made at the same time in one commit, one group after the other: when an app hangs, all its
 * calls end in the same moment, and a commit for each would take longer than their callers may wait.
 */
export class GroupedApprovals implements ApprovalStore {
  readonly #approvals: Pick<ApprovalRepository, 'createAll'>
  readonly #written: () => void
  #waiting: Waiting[] = []
  #isWriting = false

  /** @param written is called after each commit */
  constructor(approvals: Pick<ApprovalRepository, 'createAll'>, written: () => void) {
    this.#approvals = approvals
    this.#written = written
  }

  /** @throws whatever goes wrong with the database, and the reason of the signal: then it was not made */
  create(approval: PendingApproval, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ approval, signal, resolve, reject })
      // After this turn of the event loop: calls that end together leave together.
      if (!this.#isWriting) setImmediate(() => void this.#writeAll())
    })
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP)
      // Their callers have been answered without it.
      for (const { signal, reject } of group) if (signal.aborted) reject(signal.reason)
      const wanted = group.filter(({ signal }) => !signal.aborted)
      if (wanted.length > 0) await this.#write(wanted)
    }
    this.#isWriting = false
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#approvals.createAll(group.map(({ approval }) => approval))
      this.#written()
      for (const { resolve } of group) resolve()
    } catch (error) {
      // What one of them is refused for must not be the others' end. A database that does not answer refuses none: to ask it
      // for each would take so many times as long, and make them when their callers have gone.
      if (group.length > 1 && isDataError(error)) for (const one of group) await this.#write([one])
      else for (const { reject } of group) reject(error)
    }
  }
}
