/** A regular expression that matches a text itself. `RegExp.escape` is not in the oldest supported Node. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
