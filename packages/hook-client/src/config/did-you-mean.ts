/** `; did you mean timeoutMs?` where a known name is close to one that is not; else nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const wanted = plain(name)
  const [nearest] = [...known]
    .map((each) => ({ each, edits: distance(wanted, plain(each)) }))
    .filter(({ edits }) => edits <= Math.max(1, wanted.length / 4))
    .sort((a, b) => a.edits - b.edits)
  return nearest === undefined ? '' : `; did you mean ${nearest.each}?`
}

const plain = (name: string) =>
  name
    .slice(0, 64)
    .toLowerCase()
    .replace(/^posthorn_hook_|[_-]/g, '')

/** Characters to insert, delete or replace until the texts are the same (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, char] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (char === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
