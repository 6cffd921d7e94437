import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { onDemand } from '../bundle/on-demand.ts'

const folder = mkdtempSync(join(tmpdir(), 'posthorn-on-demand-'))
const bundle = join(folder, 'dist/main.cjs')

const SOURCES = {
  'main.ts': `
    import { loaded } from './shared.ts'
    const [action] = process.argv.slice(2)
    async function main() {
      if (action === 'list') return console.log(loaded().join())
      if (action === 'one') return console.log((await import('./commands/one.ts')).one())
      if (action === 'both') {
        const { one } = await import('./commands/one.ts')
        const { two } = await import('./commands/two.ts')
        return console.log([one(), two(), (await import('./commands/one.ts')).one === one].join(' '))
      }
      const { fail } = await import('./commands/two.ts')
      return fail()
    }
    main().catch((error) => console.log(error.stack))`,
  'shared.ts': `
    const names = []
    export const note = (name) => names.push(name)
    export const loaded = () => ['shared', ...names]`,
  'commands/one.ts': `
    import { note, loaded } from '../shared.ts'
    import { basename } from 'node:path'
    note('one')
    export const one = () => loaded().join() + basename('/→')`,
  'commands/two.ts': `
    import { note, loaded } from '../shared.ts'
    note('two')
    export const two = () => loaded().join()
    export const fail = () => { throw new Error('as it must') }`,
}

beforeAll(async () => {
  mkdirSync(join(folder, 'src/commands'), { recursive: true })
  for (const [path, text] of Object.entries(SOURCES)) writeFileSync(join(folder, 'src', path), text)
  await build({
    config: false,
    silent: true,
    entry: { main: join(folder, 'src/main.ts') },
    outDir: join(folder, 'dist'),
    format: 'cjs',
    minify: true,
    esbuildPlugins: [onDemand(['src/commands/one.ts', 'src/commands/two.ts'])],
    esbuildOptions: (options) => {
      options.absWorkingDir = folder
    },
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (action: string) => execFileSync(process.execPath, [bundle, action], { encoding: 'utf8' }).trim()

it('loads the modules when they are asked for, each once', () => {
  expect(run('list')).toBe('shared')
  expect(run('one')).toBe('shared,one→')
  expect(run('both')).toBe('shared,one,two→ shared,one,two true')
})

it('has their code in the file as a text, which is no code to the engine', () => {
  const text = readFileSync(bundle, 'utf8')
  expect(text).toContain('as it must')
  const withoutTexts = text.replace(
    /`(?:[^`\\]|\\[\s\S])*`|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/g,
    '',
  )
  expect(withoutTexts).not.toContain('throw new Error')
})

it('tells in a stack that an error came from there', () => {
  expect(run('fail')).toMatch(/^Error: as it must\n.*main\.cjs \(on demand\):\d+:\d+/)
})
