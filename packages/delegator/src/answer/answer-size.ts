/** What a check has to look at. */
export interface AnswerSize {
  /** Values at any level. */
  readonly nodes: number
  /** Values at each level; 0 is that of the whole. */
  readonly nodesByLevel: readonly number[]
  /** Characters of strings and of property names. */
  readonly characters: number
}

/** The size of a JSON value that is not nested too deep to be walked. */
export function sizeOf(value: unknown): AnswerSize {
  const size = { nodesByLevel: [], characters: 0 }
  addSize(size, value, 0)
  return { ...size, nodes: size.nodesByLevel.reduce((sum, nodes) => sum + nodes, 0) }
}

function addSize(size: { nodesByLevel: number[]; characters: number }, value: unknown, level: number): void {
  size.nodesByLevel[level] = (size.nodesByLevel[level] ?? 0) + 1
  if (typeof value === 'string') size.characters += value.length
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) addSize(size, item, level + 1)
    return
  }
  for (const name in value) {
    size.characters += name.length
    addSize(size, Reflect.get(value, name), level + 1)
  }
}
