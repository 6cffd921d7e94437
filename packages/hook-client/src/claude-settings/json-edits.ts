import { findNodeAtLocation, type JSONPath, type Node, parseTree } from 'jsonc-parser'

/**
 * Puts a value behind the last one of an object (the path ends with its name) or of a list (the path ends with any
 * number), on lines of its own, indented as the file is. Every other byte stays.
 */
export function insertValue(text: string, path: JSONPath, value: unknown): string {
  const parent = nodeAt(text, path.slice(0, -1))
  const { indent, eol } = layoutOf(text)
  const line = (depth: number) => `${eol}${indent.repeat(depth)}`
  const name = path.at(-1)
  const literal = JSON.stringify(value, null, indent).replaceAll('\n', line(path.length))
  const entry = `${line(path.length)}${typeof name === 'string' ? `${JSON.stringify(name)}: ` : ''}${literal}`
  const last = parent.children?.at(-1)
  if (last) return splice(text, endOf(last), endOf(last), `,${entry}`)
  return splice(text, parent.offset + 1, endOf(parent) - 1, `${entry}${line(path.length - 1)}`)
}

/** Writes another value in place of one that is there. */
export function replaceValue(text: string, path: JSONPath, value: unknown): string {
  const node = nodeAt(text, path)
  return splice(text, node.offset, endOf(node), JSON.stringify(value))
}

/** Takes a value out of its object or list, with its name, its comma and its lines. */
export function removeValue(text: string, path: JSONPath): string {
  const value = nodeAt(text, path)
  const entry = value.parent?.type === 'property' ? value.parent : value
  const container = entry.parent
  if (!container) throw new TypeError('the whole file cannot be taken out of itself')
  const siblings = container.children ?? []
  const at = siblings.indexOf(entry)
  const [before, after] = [siblings[at - 1], siblings[at + 1]]
  if (before) return splice(text, endOf(before), endOf(entry), '')
  if (after) return splice(text, entry.offset, after.offset, '')
  return splice(text, container.offset + 1, endOf(container) - 1, '')
}

function nodeAt(text: string, path: JSONPath): Node {
  const tree = parseTree(text)
  const node = tree && findNodeAtLocation(tree, path)
  if (!node) throw new TypeError(`there is no ${path.join('.')}`)
  return node
}

const endOf = (node: Node) => node.offset + node.length

function splice(text: string, start: number, end: number, insert: string): string {
  return text.slice(0, start) + insert + text.slice(end)
}

/** How a file is indented, by its first indented line; two spaces where it has none. */
function layoutOf(text: string): { indent: string; eol: string } {
  const [, indent = '  '] = /\n([ \t]+)\S/.exec(text) ?? []
  return { indent, eol: text.includes('\r\n') ? '\r\n' : '\n' }
}
