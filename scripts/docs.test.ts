import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EVENT_STATUSES } from '../apps/ingest/src/events/statuses.ts'
import { countsForCircuit, FAILURE_CLASSES, verdictOf } from '../packages/core/src/failures.ts'
import { DELIVERY_STATUSES } from '../packages/db/src/schema/deliveries.ts'

const root = resolve(import.meta.dirname, '..')
const pages = globSync(['*.md', 'docs/**/*.md', '{packages,apps}/*/*.md'], {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
})
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const withoutCode = (text: string) => text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')

/** The name GitHub gives to a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function anchorsOf(text: string): string[] {
  return [...text.replace(/```[\s\S]*?```/g, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    anchorOf(heading),
  )
}

function brokenLinks(page: string): string[] {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links
    .filter((link) => !/^(https?|mailto):/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? join(root, page) : join(root, dirname(page), decodeURI(path))
      if (!existsSync(target)) return true
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
    })
}

/** The cells of a page's table rows, by the code in the first one; `a`, `b` in one cell make two rows. */
function rowsOf(text: string): Map<string, string[]> {
  const rows = [...text.matchAll(/^\| (.+) \|$/gm)].map(([, row = '']) => row.split(' | '))
  return new Map(
    rows.flatMap(([first = '', ...rest]) =>
      [...first.matchAll(/`([^`]+)`/g)].map(([, code = '']) => [code, rest] as const),
    ),
  )
}

describe('the documentation', () => {
  it.each(pages)('%s links only to what is there', (page) => {
    expect(brokenLinks(page)).toEqual([])
  })

  it('is reached from its index, every page', () => {
    const index = read('docs/README.md')
    const missing = globSync('{*,guides/*,reference/*,runbooks/*}.md', { cwd: join(root, 'docs') }).filter(
      (page) => page !== 'README.md' && !index.includes(`(${page})`),
    )
    expect(missing).toEqual([])
  })
})

describe('docs/reference/errors.md', () => {
  const rows = rowsOf(read('docs/reference/errors.md'))

  it('lists every error code of the core package', () => {
    const [, union = ''] = /type ErrorCode =([\s\S]*?)\n\n/.exec(read('packages/core/src/errors.ts')) ?? []
    const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code = '']) => code)
    expect(codes.length).toBeGreaterThan(0)
    expect(codes.filter((code) => !rows.has(code))).toEqual([])
  })

  it.each(FAILURE_CLASSES)('tells of %s what the code does', (failure) => {
    const [, again, counts] = rows.get(failure)?.slice(-3) ?? []
    expect({ again, counts }).toEqual({
      again: verdictOf(failure) === 'permanent' ? 'no' : 'yes',
      counts: countsForCircuit(failure) ? 'yes' : 'no',
    })
  })
})

describe('docs/reference/http-api.md', () => {
  const text = read('docs/reference/http-api.md')

  it('says what every status of an event means', () => {
    const rows = rowsOf(text)
    expect(EVENT_STATUSES.filter((status) => !rows.has(status))).toEqual([])
  })

  it('lists every status of a delivery where deliveries are listed', () => {
    const row = /^\| `GET \/deliveries`.*$/m.exec(text)?.[0] ?? ''
    expect(DELIVERY_STATUSES.filter((status) => !row.includes(`\`${status}\``))).toEqual([])
  })
})
