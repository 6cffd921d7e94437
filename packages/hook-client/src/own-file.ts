import { realpathSync } from 'node:fs'
import { join } from 'node:path'

const STORE = /[\\/]node_modules[\\/]\.pnpm[\\/][^\\/]+[\\/]node_modules[\\/]/

/**
 * The file of this command as hooks should start it: not the link of a `bin` folder, and not a place in pnpm's store,
 * which has another name after each update, where the link to it can be used.
 * @param started the path that Node was started with
 */
export function ownFile(started: string): string {
  const real = realpathSync(started)
  const match = STORE.exec(real)
  if (!match) return real
  const linked = join(real.slice(0, match.index), 'node_modules', real.slice(match.index + match[0].length))
  try {
    return realpathSync(linked) === real ? linked : real
  } catch {
    return real
  }
}
