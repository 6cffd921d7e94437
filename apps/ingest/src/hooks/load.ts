/** How many captured events one process projects at once before it only stores what comes on top. */
export const MAX_PROJECTING = 200

/**
 * Whether a process has as much to project as it can do. Projecting is what may wait: any worker does it later, while an
 * event that is not stored is lost to whoever has no spool.
 */
export class ProjectionLoad {
  readonly #limit: number
  #open = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs the work, which is told whether it may project. */
  async run<T>(work: (mayProject: boolean) => Promise<T>): Promise<T> {
    const mayProject = this.#open < this.#limit
    this.#open += 1
    try {
      return await work(mayProject)
    } finally {
      this.#open -= 1
    }
  }
}
