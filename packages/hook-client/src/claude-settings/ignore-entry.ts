/** Said above our lines, so that they can be told from those of others. */
const TITLE = '# posthorn-hook: captured events, their logs, and settings as they were before'

/** A `.gitignore` with the given lines in a block of our own; the same text where they are all there. */
export function addIgnored(text: string, lines: readonly string[]): string {
  const present = new Set(text.split(/\r?\n/).map((line) => line.trim()))
  if (lines.every((line) => present.has(line))) return text
  const others = removeIgnored(text)
  const eol = others.includes('\r\n') ? '\r\n' : '\n'
  const start = others === '' || others.endsWith('\n') ? others : others + eol
  return `${start}${[TITLE, ...lines].join(eol)}${eol}`
}

/** A `.gitignore` without our block: the title and what follows it, as far as the next empty line or comment. */
export function removeIgnored(text: string): string {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.trim() === TITLE)
  if (start < 0) return text
  const length = lines.slice(start + 1).findIndex((line) => /^(#|\s*$)/.test(line))
  lines.splice(start, length < 0 ? lines.length : length + 1)
  return lines.join('\n')
}
