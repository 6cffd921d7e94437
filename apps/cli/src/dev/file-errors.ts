/** Whether a file was not there. */
export const isMissing = (error: unknown): boolean => hasCode(error, 'ENOENT')

/** Whether something of that name was there already. */
export const isTaken = (error: unknown): boolean => hasCode(error, 'EEXIST')

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code
