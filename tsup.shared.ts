import type { Options } from 'tsup'

/**
 * The one build recipe of every package: ESM for the oldest supported Node, declarations beside it.
 * It is the only file that knows the bundler, so that changing the bundler means changing this file.
 */
export function library(entry: Record<string, string>, more: Partial<Options> = {}): Options {
  return {
    entry,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    // Against the declarations of the packages below, as a user has them, not against their sources all over again.
    // It also is the check of each package by itself: what one augments (`declare module`) another must not lean on.
    dts: { compilerOptions: { customConditions: [] } },
    clean: true,
    sourcemap: true,
    splitting: true,
    treeshake: false,
    esbuildOptions: (options) => {
      options.conditions = []
    },
    ...more,
  }
}
