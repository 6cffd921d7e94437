import type { CircuitNote } from './stack.ts'

/** `3 changes, closed → open → half_open → closed`, the middle left out where it is long. */
export function pathOf(changes: readonly CircuitNote[]): string {
  const states: string[] = []
  for (const { from, to } of changes) states.push(...(states.at(-1) === from ? [to] : [from, to]))
  const shown = states.length <= 9 ? states : [...states.slice(0, 4), '…', ...states.slice(-4)]
  return `${states.length - 1} changes, ${shown.join(' → ')}`
}
