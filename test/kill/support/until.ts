const LIMIT_MS = 45_000
const EVERY_MS = 20

/** Waits until something is there and tells it; `undefined`, `false` and `null` are nothing. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs: number = LIMIT_MS,
): Promise<Exclude<T, undefined | false | null>> {
  for (const deadline = Date.now() + limitMs; ; await pause()) {
    const seen = await look()
    if (seen !== undefined && seen !== false && seen !== null) {
      return seen as Exclude<T, undefined | false | null>
    }
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain until ${what}`)
  }
}

/** What a promise brings, or an error that tells what was waited for. */
export function inTime<T>(promise: Promise<T>, what: () => string, limitMs: number = LIMIT_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms in vain for ${what()}`)), limitMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

const pause = () => new Promise((resolve) => setTimeout(resolve, EVERY_MS))
