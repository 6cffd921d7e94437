import { describe, expect, it } from 'vitest'
import { findWords, registryRule, wordRules } from './word-rules.ts'

/** Written in two parts, so that this file does not break the rules it tests. */
const join = (...parts: string[]) => parts.join('')
const reasons = (path: string, text: string) => findWords(path, text, wordRules).map(({ reason }) => reason)

describe('the words that must not be in the repository', () => {
  it.each([
    join('cd /wo', 'rk/main'),
    join('file:///wo', 'rk/main/x.ts'),
    join('"/ro', 'ot/.npm"'),
    join('see /tmp/ba', 'sh_jobs.0/1'),
  ])('refuses the machine path in %s', (text) => {
    expect(reasons('docs/a.md', text)).toEqual(['a path of one machine'])
  })

  it.each(['src/network/address.ts', './work/item.ts', 'packages/root/index.ts', 'https://example.com/x'])(
    'leaves %s alone',
    (text) => {
      expect(reasons('docs/a.md', text)).toEqual([])
    },
  )

  it('refuses addresses in a lockfile, and only there', () => {
    const line = join('    resolution: {tar', 'ball: https://mirror.example/a.tgz}')
    expect(reasons('pnpm-lock.yaml', line)).toHaveLength(1)
    expect(reasons('docs/a.md', line)).toEqual([])
    expect(reasons('pnpm-lock.yaml', join('    resolution: {integrity: sha512-abc/X', 'XX/def==}'))).toEqual(
      [],
    )
  })

  it('refuses a named registry', () => {
    expect(reasons('.npmrc', join('registry=https://registry', '.example.org/'))).toHaveLength(1)
    expect(reasons('src/metrics.ts', 'registry.contentType; registry.get(name)')).toEqual([])
  })

  it.each([join('// TO', 'DO: later'), join('/* FIX', 'ME */'), join('# X', 'XX'), join('a HA', 'CK')])(
    'refuses the marker in %s',
    (text) => {
      expect(reasons('src/a.ts', text)).toEqual(['an unfinished thought: finish it or open an issue'])
    },
  )

  it('takes a marker for a whole word only', () => {
    expect(reasons('src/a.ts', join('mktemp /tmp/x.XX', 'XXXX; const HA', 'CKNEY = 1'))).toEqual([])
  })

  it('refuses tests that are switched off', () => {
    expect(reasons('a.test.ts', join('it.on', "ly('x', f)"))).toHaveLength(1)
    expect(reasons('a.test.ts', join('describe.concurrent.sk', "ip('x', f)"))).toHaveLength(1)
    expect(reasons('a.test.ts', "describe.skipIf(!hasDocker)('x', f)")).toEqual([])
    expect(reasons('a.ts', join('it.on', "ly('x', f)"))).toEqual([])
  })

  it('names the line', () => {
    const [finding] = findWords('a.md', join('one\ntwo /ro', 'ot/x'), wordRules)
    expect(finding).toMatchObject({ path: 'a.md', line: 2 })
  })

  it('skips binary files', () => {
    expect(reasons('logo.png', join('\0 /ro', 'ot/x'))).toEqual([])
  })
})

describe('registryRule', () => {
  const found = (registry: string, text: string) => {
    const rule = registryRule(registry)
    return rule === undefined ? 'no rule' : findWords('a.md', text, [rule]).length
  }

  it('refuses the host of the registry in use', () => {
    expect(found('https://npm.corp.example/x/', 'from npm.corp.example/x')).toBe(1)
    expect(found('https://npm.corp.example/x/', 'npmXcorp.example')).toBe(0)
  })

  it('tells a registry on the loopback by its port, or not at all', () => {
    expect(found('http://127.0.0.1:4873/', 'http://127.0.0.1:4873/a')).toBe(1)
    expect(found('http://127.0.0.1:4873/', 'http://127.0.0.1:3000/a')).toBe(0)
    expect(found('http://localhost/', 'http://localhost:3000')).toBe('no rule')
    expect(found('undefined', 'x')).toBe('no rule')
  })
})
