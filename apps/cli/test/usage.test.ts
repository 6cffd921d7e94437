import { freePort } from '@posthorn/db/embedded'
import { describe, expect, it } from 'vitest'
import { run } from './support/command.ts'

const NOWHERE = 'postgres://posthorn@127.0.0.1:1/posthorn'
const KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`

describe('posthorn', () => {
  it('describes itself and each command', async () => {
    const help = await run(['--help'])
    expect(help.code).toBe(0)
    const commands = ['dev', 'ingest', 'worker', 'migrate', 'config', 'enqueue', 'listen', 'keys']
    for (const name of commands) expect(help.stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
    const each = await Promise.all(commands.map((name) => run([name, '--help'])))
    expect(each.map(({ code, stdout }) => [code, stdout.startsWith('Usage: posthorn ')])).toEqual(
      commands.map(() => [0, true]),
    )
  })

  it('tells its version', async () => {
    expect(await run(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })

  it.each([
    [[], 'Usage: posthorn'],
    [['serve'], "unknown command 'serve'"],
    [['dev', '--prot', '1'], "unknown option '--prot'"],
    [['dev', '--port', '99999'], 'whole number from 0 to 65535'],
    [['dev', '--data-dir', ''], 'must name a folder'],
    [['enqueue', '--url', 'https://example.com'], "required option '--payload <json>' not specified"],
    [['enqueue', '--url', 'https://example.com', '--payload', '{"a":}'], '--payload is not JSON'],
    [
      ['enqueue', '--url', 'https://example.com', '--payload', '1', '--header', 'x'],
      'is not of the form "name: value"',
    ],
    [
      ['enqueue', '--url', 'https://example.com', '--payload', '1', '--metadata', '[]'],
      'is not a JSON object',
    ],
    [
      ['enqueue', '--url', 'https://example.com', '--payload', '1', '--data-dir', '/nowhere'],
      'There is no database',
    ],
    [
      ['keys', 'create', '--name', 'x', '--role', 'read', '--data-dir', '/nowhere'],
      'none runs on /nowhere), or name the folder of one that runs with --data-dir',
    ],
    [['listen', '--forward', 'ftp://x'], 'is no URL'],
    [['listen', '--forward', '3000', '--server', 'http://localhost:1'], 'A server needs a key'],
    [
      ['keys', 'create', '--name', 'x', '--role', 'boss'],
      'Allowed choices are ingest, read, operator, admin',
    ],
    [['keys', 'revoke', 'evt_1'], 'is not the id of a key'],
    [['migrate'], 'DATABASE_URL: is missing'],
  ])('takes %j for wrong usage and says why, without a stack', async (args, words) => {
    const { code, stdout, stderr } = await run(args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toContain(words)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it.each([['ingest'], ['worker'], ['config']])(
    '%s names every mistake in its configuration',
    async (command) => {
      const env = { DATABASE_URL: 'mysql://x', LOG_LEVEL: 'loud', SHUTDOWN_GRACE: 'soon' }
      const { code, stderr } = await run([command], { env })
      expect(code).toBe(64)
      for (const name of ['DATABASE_URL', 'LOG_LEVEL', 'SHUTDOWN_GRACE', 'POSTHORN_ENCRYPTION_KEYS']) {
        expect(stderr.match(new RegExp(`\\b${name}: `, 'g'))).toHaveLength(1)
      }
    },
  )

  it.each([[['migrate']], [['worker']], [['worker', '--once']], [['ingest']], [['keys', 'list']]])(
    '%j says that the database cannot be reached',
    async (args) => {
      const { code, stderr } = await run(args, {
        env: { DATABASE_URL: NOWHERE, POSTHORN_ENCRYPTION_KEYS: KEYS, LOG_LEVEL: 'silent', PORT: '0' },
      })
      expect(code).toBe(69)
      expect(stderr).toMatch(/^error: PostgreSQL cannot be reached: connect ECONNREFUSED/)
    },
  )

  it('says that no server can be reached', async () => {
    const server = `http://127.0.0.1:${await freePort()}`
    const listen = await run(['listen', '--forward', '3000', '--server', server, '--key', 'phk_x'])
    expect(listen).toMatchObject({
      code: 69,
      stderr: expect.stringContaining(`${server} cannot be reached: connect`),
    })
    const dev = await run(['listen', '--forward', '3000', '--data-dir', '/nowhere'])
    expect(dev).toMatchObject({
      code: 69,
      stderr: expect.stringContaining('No "posthorn dev" runs on /nowhere'),
    })
  })

  it.each(['/proc/none', '/etc/hostname'])('refuses to keep its data in %s', async (folder) => {
    expect(await run(['dev', '--port', '0', '--data-dir', folder])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--data-dir: cannot be used'),
    })
  })

  it('uses colour on a terminal only, unless it is told otherwise', async () => {
    const plain = await run(['migrate'])
    const forced = await run(['migrate'], { env: { FORCE_COLOR: '1' } })
    const both = await run(['migrate'], { env: { FORCE_COLOR: '0' } })
    expect(plain.stderr).toMatch(/^error: /)
    expect(forced.stderr).toBe(plain.stderr.replace('error:', '\u001b[31merror:\u001b[39m'))
    expect(both.stderr).toBe(plain.stderr)
  })
})

describe('posthorn config', () => {
  const env = {
    DATABASE_URL: 'postgres://me:hunter2@db/posthorn',
    POSTHORN_ENCRYPTION_KEYS: KEYS,
    PORT: '9000',
  }

  it('prints what is in force, without secrets', async () => {
    const { code, stdout } = await run(['config'], { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^PORT +9000$/m)
    expect(stdout).toMatch(/^QUEUE_CONCURRENCY +512$/m)
    for (const hidden of ['hunter2', 'BwcHBwcH', '\u001b']) expect(stdout).not.toContain(hidden)
  })

  it('is one JSON value with --json', async () => {
    const { stdout } = await run(['config', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({
      ingest: { PORT: 9_000, WEBHOOK_BODY_LIMIT: 1_048_576, POSTHORN_ENCRYPTION_KEYS: '[REDACTED]' },
      worker: { PORT: 9_000, EVENT_RETENTION_DAYS: 30 },
    })
  })
})
