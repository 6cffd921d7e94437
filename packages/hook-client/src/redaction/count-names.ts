/** How many names of fields a text of valid JSON holds, counting one that is there twice as two. */
export function countNames(text: string): number {
  let names = 0
  for (let start = text.indexOf('"'); start >= 0; ) {
    const after = endOfString(text, start) + 1
    let at = after
    while (isSpace(text.charCodeAt(at))) at += 1
    if (text[at] === ':') names += 1
    start = text.indexOf('"', at)
  }
  return names
}

/** Where the closing quote is. A quote behind an odd number of backslashes closes nothing. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text[before] === '\\') before -= 1
    if ((end - before) % 2 === 1) return end
  }
  return text.length
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}
