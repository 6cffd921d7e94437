import { describe, expect, it } from 'vitest'
import type { ConfigSource } from './config.ts'
import { loadConfig } from './load-config.ts'
import { DEFAULTS } from './settings.ts'

const FILE = '/home/someone/.config/posthorn/hook.json'

function load(
  given: Partial<ConfigSource> & { files?: Record<string, string>; directories?: string[] } = {},
) {
  const { files = {}, directories = [], ...source } = given
  return loadConfig({
    env: {},
    cwd: '/code/project',
    homeDir: '/home/someone',
    platform: 'linux',
    readFile: (path) => {
      if (files[path] === undefined) throw Object.assign(new Error('none'), { code: 'ENOENT' })
      return files[path]
    },
    isDirectory: (path) => directories.includes(path),
    ...source,
  })
}

const URL_AND_KEY = { POSTHORN_HOOK_URL: 'https://hooks.example.com/x', POSTHORN_HOOK_API_KEY: 'phk_a_b' }

describe('values', () => {
  it('are defaults when nothing is given, and what is missing is said', () => {
    const { config, issues, origins } = load()
    expect(config).toMatchObject(DEFAULTS)
    expect(issues.map(({ path }) => path)).toEqual(['POSTHORN_HOOK_URL', 'POSTHORN_HOOK_API_KEY'])
    expect(origins).toEqual({})
  })

  it('come from variables before older variables before the file', () => {
    const files = { [FILE]: JSON.stringify({ timeoutMs: 1_000, debug: true, redactPatterns: ['a+', 'b'] }) }
    const env = {
      ...URL_AND_KEY,
      CLAUDE_HOOK_TIMEOUT: '2000',
      CLAUDE_HOOK_RETRY_ATTEMPTS: '5',
      CLAUDE_HOOK_DEBUG: 'false',
      POSTHORN_HOOK_TIMEOUT: '3000',
      POSTHORN_HOOK_INCLUDE: 'Stop, Pre*',
    }
    const { config, issues, origins } = load({ env, files })
    expect(issues).toEqual([])
    expect(config).toMatchObject({
      timeoutMs: 3_000,
      quickTries: 5,
      debug: false,
      filter: { include: ['Stop', 'Pre*'], redactPatterns: [/a+/gu, /b/gu] },
    })
    expect(origins).toMatchObject({
      timeoutMs: 'POSTHORN_HOOK_TIMEOUT',
      quickTries: 'CLAUDE_HOOK_RETRY_ATTEMPTS',
      debug: 'CLAUDE_HOOK_DEBUG',
      redactPatterns: FILE,
    })
  })

  it('of every older variable are taken', () => {
    const env = {
      CLAUDE_HOOK_API_URL: 'http://localhost:3000',
      CLAUDE_HOOK_API_KEY: 'key',
      CLAUDE_HOOK_TIMEOUT: '7000',
      CLAUDE_HOOK_RETRY_ATTEMPTS: '2',
      CLAUDE_HOOK_RETRY_DELAY: '500',
      CLAUDE_HOOK_ENABLED: 'no',
      CLAUDE_HOOK_DEBUG: '1',
      CLAUDE_HOOK_EVENT: 'Stop',
      CLAUDE_HOOK_QUEUE_DIR: '/q',
      CLAUDE_HOOK_LOG_DIR: 'logs',
      CLAUDE_HOOK_FAIL_SILENTLY: 'off',
    }
    const { config, issues } = load({ env })
    expect(issues).toEqual([])
    expect(config).toMatchObject({
      url: 'http://localhost:3000/api/claude-hooks',
      apiKey: 'key',
      timeoutMs: 7_000,
      quickTries: 2,
      quickRetryDelayMs: 500,
      enabled: false,
      debug: true,
      event: 'Stop',
      spoolDir: '/q',
      logDir: '/code/project/logs',
      failSilently: false,
    })
  })

  it('of the key may lie in a file', () => {
    const env = { POSTHORN_HOOK_URL: 'https://hooks.example.com/x', POSTHORN_HOOK_API_KEY_FILE: 'key' }
    expect(load({ env, files: { '/code/project/key': ' phk_a_b\n' } })).toMatchObject({
      config: { apiKey: 'phk_a_b' },
      issues: [],
    })
    const files = { [FILE]: '{"apiKeyFile":"key"}', '/home/someone/.config/posthorn/key': 'phk_c_d' }
    expect(load({ files }).config.apiKey).toBe('phk_c_d')
  })
})

describe('mistakes', () => {
  it('are all reported at once, and leave the defaults', () => {
    const env = {
      POSTHORN_HOOK_URL: 'ftp://hooks.example.com',
      POSTHORN_HOOK_API_KEY: 'with space',
      POSTHORN_HOOK_TIMEOUT: '5',
      POSTHORN_HOOK_ENABLED: 'maybe',
      POSTHORN_HOOK_MAX_EVENTS: '1e3',
      POSTHORN_HOOK_DROP_POLICY: 'drop-all',
      POSTHORN_HOOK_TIMEOUTS: '1',
    }
    const files = {
      [FILE]: JSON.stringify({ debug: 'perhaps', maxBytes: 1, colour: 'red', redactPatterns: ['('] }),
    }
    const { config, issues } = load({ env, files })
    expect(issues.map(({ path }) => path).sort()).toEqual([
      ...[
        'POSTHORN_HOOK_API_KEY',
        'POSTHORN_HOOK_DROP_POLICY',
        'POSTHORN_HOOK_ENABLED',
        'POSTHORN_HOOK_MAX_EVENTS',
      ],
      ...['POSTHORN_HOOK_TIMEOUT', 'POSTHORN_HOOK_TIMEOUTS', 'POSTHORN_HOOK_URL'],
      ...['colour', 'debug', 'maxBytes', 'redactPatterns'],
    ])
    expect(config).toMatchObject({ ...DEFAULTS, url: undefined, apiKey: undefined })
    expect(issues.find(({ path }) => path === 'POSTHORN_HOOK_TIMEOUT')?.expected).toContain('milliseconds')
    expect(JSON.stringify(issues)).not.toContain('with space')
  })

  it('in a name come with the name that was meant', () => {
    const file = JSON.stringify({ apikey: 'phk_1', colour: 'red' })
    const env = { ...URL_AND_KEY, POSTHORN_HOOK_TIMOUT: '1' }
    expect(load({ env, files: { [FILE]: file } }).issues.map(({ message }) => message)).toEqual([
      'is not a setting; did you mean apiKey?',
      'is not a setting',
      'is not a variable of the hook client; did you mean POSTHORN_HOOK_TIMEOUT?',
    ])
  })

  it('in the file itself hide no key of elsewhere, and what they hide is not called missing', () => {
    const files = { [FILE]: '{ "url": ', '/key': 'phk_1_secret' }
    const { config, issues } = load({ env: { POSTHORN_HOOK_API_KEY_FILE: '/key' }, files })
    expect(config.apiKey).toBe('phk_1_secret')
    expect(issues.map(({ path }) => path)).toEqual([FILE])
  })

  it.each([
    ['{', 'is not JSON at line 1 column 2'],
    ['{\n  "url": "u",\n}', 'is not JSON at line 3 column 1'],
    ['[]', 'is not JSON'],
  ])('in the file itself are reported: %s', (text, message) => {
    expect(load({ env: URL_AND_KEY, files: { [FILE]: text } }).issues).toMatchObject([
      { path: FILE, message },
    ])
  })

  it('of a file that was named and is not there are reported', () => {
    const env = { ...URL_AND_KEY, POSTHORN_HOOK_CONFIG: 'mine.json' }
    expect(load({ env })).toMatchObject({
      issues: [{ path: '/code/project/mine.json', message: 'cannot be read' }],
      file: { path: '/code/project/mine.json', exists: false },
    })
  })

  it.each([
    ['https://u:p@hooks.example.com/'],
    ['hooks.example.com'],
    [`https://h.example.com/${'x'.repeat(2_048)}`],
  ])('in a URL are found: %.40s', (url) => {
    expect(load({ env: { ...URL_AND_KEY, POSTHORN_HOOK_URL: url } }).issues).toMatchObject([
      { path: 'POSTHORN_HOOK_URL' },
    ])
  })
})

describe('places', () => {
  it.each([
    ['linux', {}, '/home/someone/.local/state/posthorn'],
    ['linux', { XDG_STATE_HOME: '/state' }, '/state/posthorn'],
    ['linux', { XDG_STATE_HOME: 'relative' }, '/home/someone/.local/state/posthorn'],
    ['darwin', { XDG_STATE_HOME: '/state' }, '/home/someone/Library/Application Support/posthorn'],
    ['win32', { LOCALAPPDATA: '/local' }, '/local/posthorn'],
    ['win32', {}, '/home/someone/AppData/Local/posthorn'],
  ] as const)('without a project are the user’s: %s %j', (platform, env, base) => {
    const { config } = load({ platform, env })
    expect(config).toMatchObject({ spoolDir: `${base}/spool`, logDir: `${base}/logs` })
  })

  it.each([
    ['/code/project', {}, '/code/project'],
    ['/code/project/deep/inside', {}, '/code/project'],
    ['/elsewhere', { CLAUDE_PROJECT_DIR: '/code/project/deep' }, '/code/project'],
  ])('lie in the project, seen from %s', (cwd, env, project) => {
    const { config } = load({ cwd, env, directories: ['/code/project/.claude'] })
    expect(config.spoolDir).toBe(`${project}/.claude/posthorn/spool`)
    expect(config.fallbackSpoolDir).toMatch(
      /^\/home\/someone\/\.local\/state\/posthorn\/fallback\/[0-9a-f]+$/,
    )
  })

  it.each(['', '/spool', '/spool/tmp', '/logs'])(
    'are the user’s where the project has a link at %s',
    (path) => {
      const link = `/code/project/.claude/posthorn${path}`
      const given = { directories: ['/code/project/.claude'], isForeign: (one: string) => one === link }
      const { config, issues } = load({ env: URL_AND_KEY, ...given })
      const base = /^\/home\/someone\/\.local\/state\/posthorn\/projects\/[0-9a-f]+/
      expect([config.spoolDir, config.logDir]).toEqual([
        expect.stringMatching(base),
        expect.stringMatching(base),
      ])
      expect(issues).toMatchObject([{ path: link }])
      const own = { POSTHORN_HOOK_SPOOL_DIR: '/s', POSTHORN_HOOK_LOG_DIR: '/l' }
      expect(load({ env: { ...URL_AND_KEY, ...own }, ...given }).issues).toEqual([])
    },
  )

  it('are not the home directory’s own .claude, unless the session is there', () => {
    const directories = ['/home/someone/.claude']
    expect(load({ cwd: '/home/someone/code', directories }).config.spoolDir).toContain('.local/state')
    expect(load({ cwd: '/home/someone', directories }).config.spoolDir).toBe(
      '/home/someone/.claude/posthorn/spool',
    )
  })
})

it('reads this machine without failing', () => {
  expect(loadConfig().config.budgetMs).toBeGreaterThan(0)
})
