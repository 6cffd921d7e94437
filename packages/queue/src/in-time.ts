/**
 * The answer, or a rejection with `message` after `ms` milliseconds. The work behind it goes on: this is for
 * answers that may never come, from a connection whose other end is gone.
 */
export function inTime<T>(answer: Promise<T>, ms: number, message: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(message)), ms)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
