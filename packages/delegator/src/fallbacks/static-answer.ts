import { staticOptions } from './grammar.ts'
import type { FallbackStrategy } from './strategy.ts'

/** Name of {@link staticAnswer}, and source of what is answered when nothing else is left. */
export const STATIC = 'static'

/** Answers what the manifest says, `null` unless it says something. */
export function staticAnswer(): FallbackStrategy {
  return {
    name: STATIC,
    options: staticOptions,
    run: (_, options) => ({ data: options['data'] ?? null }),
  }
}
