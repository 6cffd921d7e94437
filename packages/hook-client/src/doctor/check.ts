/** One thing that `doctor` looked at. */
export interface Check {
  /** Such as `hooks`, `key`: what it is about. */
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do about it. */
  readonly hint?: string
}

export const ok = (name: string, message: string): Check => ({ name, state: 'ok', message })

export const warn = (name: string, message: string, hint?: string): Check => ({
  name,
  state: 'warn',
  message,
  ...(hint !== undefined && { hint }),
})

export const fail = (name: string, message: string, hint?: string): Check => ({
  name,
  state: 'fail',
  message,
  ...(hint !== undefined && { hint }),
})
