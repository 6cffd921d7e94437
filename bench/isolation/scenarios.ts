/** An endpoint that never answers, beside which the others are measured. */
export interface Scenario {
  name: string
  /** undefined: there is none, for comparison */
  hanging: { timeoutMs: number; circuitOpens: boolean } | undefined
}

/** Its first tries hang for the whole measurement; or they time out all the time, and nothing but fairness protects the others. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'nothing hangs', hanging: undefined },
  { name: 'hangs for 30 s', hanging: { timeoutMs: 30_000, circuitOpens: true } },
  { name: 'hangs for 1 s, again and again', hanging: { timeoutMs: 1_000, circuitOpens: false } },
]
