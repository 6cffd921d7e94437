/** Text as PostgreSQL can keep it: NUL and halves of surrogate pairs become U+FFFD. */
export const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed()

/** At most so many characters of a text, none of them cut in half. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : storable(text.slice(0, length)).replace(/\uFFFD$/, '')

/** The first line that is not blank, without the space around it; null where there is none. */
export function firstLine(text: string): string | null {
  return /\S.*/.exec(text)?.[0].trim() ?? null
}
