import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { generateEncryptionKey } from '../packages/db/src/index.ts'
import { createTestDatabase } from '../packages/db/src/testing/index.ts'
import { createReceiver } from '../packages/testing/src/index.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/reference/library.md'), 'utf8')
const program = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code).join('\n')
/** Where `posthorn` is itself: there its own name can be imported. */
const home = join(root, 'apps/cli')

/** Where the library's types stand. */
const TYPES = ['types.ts', 'deliveries/types.ts', 'endpoints/types.ts', 'events/types.ts']

/** Names of the members of an interface in the library's types. */
function membersOf(name: string): string[] {
  for (const file of TYPES) {
    const path = join(root, 'packages/engine/src', file)
    const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest)
    const found = source.statements.filter(ts.isInterfaceDeclaration).find((one) => one.name.text === name)
    if (found)
      return found.members.flatMap(({ name: member }) =>
        member && ts.isIdentifier(member) ? [member.text] : [],
      )
  }
  throw new Error(`there is no interface ${name}`)
}

/** Runs a program as a user's own, from its source; tells what it ended with. */
function runProgram(
  code: string,
  env: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const args = ['--conditions=posthorn-source', '--input-type=module-typescript', '--eval', code]
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, args, {
    cwd: home,
    env: { PATH, NODE_COMPILE_CACHE, ...env },
    stdio: 'pipe',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })))
}

function typeErrors(code: string): string[] {
  const path = join(home, 'library-page.ts')
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(home, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    home,
  )
  const options = { ...config.options, noEmit: true, customConditions: ['posthorn-source'] }
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists } = host
  host.fileExists = (name) => name === path || fileExists(name)
  host.readFile = (name) => (name === path ? code : readFile(name))
  const built = ts.createProgram([path], options, host)
  return ts
    .getPreEmitDiagnostics(built, built.getSourceFile(path))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

describe('docs/reference/library.md', () => {
  it.each([
    ...['Posthorn', 'AppScope', 'EndpointsApi', 'DeliveriesApi', 'EventsApi', 'WorkerStats'],
    ...[
      'PosthornOptions',
      'WriteOptions',
      'PublishInput',
      'PublishContext',
      ...['EnqueuedEvent', 'ToUrl', 'ToEndpoint'],
      'PosthornEvents',
    ],
  ])('tells of everything that %s has', (name) => {
    const inline = [...page.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)].map(
      ([, code = '']) => code,
    )
    const told = new Set([...inline, program].flatMap((code) => code.match(/\w+/g) ?? []))
    const members = membersOf(name)
    expect(members.length).toBeGreaterThan(0)
    expect(members.filter((member) => !told.has(member))).toEqual([])
  })

  it('has examples of the right types', () => {
    expect(typeErrors(program)).toEqual([])
  })

  it('has examples that run', async () => {
    await using database = await createTestDatabase({ migrated: false })
    await using receiver = await createReceiver()
    const local = program
      .replaceAll('https://example.com/', receiver.url('/'))
      .replace('encryptionKeys:', `allowedCidrs: ['127.0.0.0/8'], encryptionKeys:`)
    const { code, output } = await runProgram(local, {
      DATABASE_URL: database.url,
      POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
    })
    expect(output).toMatch(/evt_[0-9a-f]{32}\nvalidation /)
    expect(output).toContain('whsec_')
    expect(output).toContain("path: 'type'")
    expect(code, output).toBe(0)
  })
})
