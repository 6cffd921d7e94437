import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULTS } from '../config/settings.ts'
import {
  type PreparedEvent,
  type PrepareOptions,
  prepareEvent,
  secretsInEnvironment,
} from './prepare-event.ts'
import { UNFILTERED } from './redact-document.ts'
import { REDACTED } from './secret-names.ts'

const options: PrepareOptions = {
  filter: DEFAULTS.filter,
  defaultEvent: undefined,
  knownSecrets: [],
  receivedBytes: 0,
  isOutOfTime: () => false,
}
const withFilter = (filter: Partial<PrepareOptions['filter']>): PrepareOptions => ({
  ...options,
  filter: { ...options.filter, ...filter },
})

function prepared(document: unknown, given = options): Extract<PreparedEvent, { kind: 'event' }> {
  const result = prepareEvent(typeof document === 'string' ? document : JSON.stringify(document), given)
  if (result.kind !== 'event') throw new Error(`not an event but ${result.kind}`)
  return result
}
const fieldsOf = (document: unknown, given = options) =>
  JSON.parse(prepared(document, given).body) as Record<string, never>

// Put together here, so that no scanner takes this file for a leak.
const githubToken = `ghp${'_'}${'Ab3dEf6hIj9lMn2pQr5t'.repeat(2)}`
const base = { session_id: 's1', hook_event_name: 'PostToolUse' }

describe('a document without secrets', () => {
  it('stays as it came, byte for byte', () => {
    const text =
      '{ "hook_event_name":"Stop",\t"session_id": "s1", "n": 1e400, "big": 12345678901234567890, "a\\\\":{"b":"\\\\\\":"}}'
    expect(prepared(`\ufeff${text}\n`)).toEqual({
      ...{ kind: 'event', body: text, event: 'Stop', sessionId: 's1', redactions: 0, isCut: false },
    })
  })

  it('of any content stays as it came', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify({ ...base, value })
        const { body, redactions } = prepared(text)
        if (redactions === 0) expect(body).toBe(text)
      }),
    )
  })

  it('has its name and session read, also in the older form', () => {
    expect(prepared({ event: 'Stop', sessionId: 'old' })).toMatchObject({ event: 'Stop', sessionId: 'old' })
    expect(prepared({ x: 1 })).toMatchObject({ event: 'unknown', sessionId: null })
  })

  it('gets the name that the settings give', () => {
    const given = { ...options, defaultEvent: 'Stop' }
    expect(fieldsOf({ x: 1 }, given)).toEqual({ x: 1, hook_event_name: 'Stop' })
    expect(prepared(base, given).event).toBe('PostToolUse')
  })
})

describe('secrets', () => {
  it('are taken out wherever they are', () => {
    const document = {
      ...base,
      prompt: 'use API_KEY=abcdef123 please',
      tool_input: {
        command: 'curl -H "Authorization: Bearer abc.def"',
        headers: { Authorization: 'Basic eHl6' },
      },
      tool_response: [{ nested: { apiKey: 'k', pin: 12, password: 1234 } }, 'https://u:pw1@host'],
      credentials: { user: 'me', key: 'abc' },
    }
    const fields = fieldsOf(document)
    expect(fields).toMatchObject({
      prompt: `use API_KEY=${REDACTED} please`,
      tool_input: { headers: { Authorization: REDACTED } },
      tool_response: [
        { nested: { apiKey: REDACTED, pin: 12, password: REDACTED } },
        `https://u:${REDACTED}@host`,
      ],
      credentials: { user: REDACTED, key: REDACTED },
    })
    expect(JSON.stringify(fields)).not.toMatch(/abcdef123|abc\.def|eHl6|pw1|1234/)
  })

  it('do not hide behind a second field of the same name', () => {
    const text = `{"hook_event_name":"Stop","a":{"prompt":"${githubToken}","prompt" :"hi"},"a\\"":1}`
    expect(prepared(text).body).toBe('{"hook_event_name":"Stop","a":{"prompt":"hi"},"a\\"":1}')
    const escaped = text.replace('ghp', '\\u0067hp').replace('"prompt"', '"prom\\u0070t"')
    expect(prepared(escaped).body).toBe(prepared(text).body)
  })

  it('that are known are taken out of any text', () => {
    const given = { ...options, knownSecrets: ['phk-very-secret', 'a.b*c+d(e'] }
    expect(fieldsOf({ ...base, a: 'x phk-very-secret y', b: 'a.b*c+d(e' }, given)).toMatchObject({
      a: `x ${REDACTED} y`,
      b: REDACTED,
    })
  })

  it('of the environment are those with a name that says so', () => {
    const env = {
      HOME: '/home/someone',
      GITHUB_TOKEN: 'abcdefgh',
      DB_PASSWORD: 'short',
      NPM_TOKEN: undefined,
    }
    expect(secretsInEnvironment(env)).toEqual(['abcdefgh'])
  })

  it('of the environment are no folders: the working directory stays in every event', () => {
    const cwd = process.cwd()
    const env = { PWD: cwd, OLDPWD: '/gone/project', DB_PWD: 'hunter2hunter2', SSH_KEYS: cwd }
    expect(secretsInEnvironment(env)).toEqual(['hunter2hunter2'])
    const text = JSON.stringify({ hook_event_name: 'Stop', cwd, transcript_path: `${cwd}/a.jsonl` })
    const known = { ...options, knownSecrets: secretsInEnvironment(env) }
    expect(prepared(text, known)).toMatchObject({ body: text, redactions: 0 })
  })

  it.each([
    ['Read', { file_path: '/app/.env' }, { file: { filePath: '/app/.env', content: 'A=1\nnote' } }],
    ['Write', { file_path: 'C:\\app\\.env.local', content: 'A=1\nnote' }, 'A=1\nnote'],
    ['Bash', { command: 'cat ./.env | head' }, { stdout: 'A=1' }],
  ])('in files that hold them are taken out of %s', (tool_name, tool_input, tool_response) => {
    const fields = fieldsOf({ ...base, tool_name, tool_input, tool_response })
    expect(JSON.stringify(fields)).toContain(`A=${REDACTED}`)
    expect(JSON.stringify(fields)).not.toMatch(/A=1|note/)
    expect(JSON.stringify(fields)).toContain('.env')
  })

  it('are taken out of names of fields, of the event and of the session', () => {
    const document = {
      hook_event_name: `Stop ${githubToken}`,
      session_id: githubToken,
      users: { [githubToken]: 'me', [`${githubToken}x`]: 'you' },
    }
    const result = prepared(document)
    expect(JSON.stringify(result)).not.toContain(githubToken)
    expect(result).toMatchObject({ event: `Stop ${REDACTED}`, sessionId: REDACTED })
    const { users } = JSON.parse(result.body) as { users: object }
    expect(Object.values(users)).toEqual(['me', 'you'])
  })

  it.each([
    ['cat ~/.aws/credentials', 'aws_secret_access_key = hunter'],
    ['cat .env*', 'A=hunter'],
    ['cat .env.production.local', 'A=hunter'],
    ['head -3 deploy/prod.env', 'A=hunter'],
    ['cat ~/.netrc', 'machine h\n  login me\n  password hunter'],
    ['sed -n 2,3p id_rsa', `hunter${'Ab3dEf6hIj'.repeat(6)}`],
    ['cat ~/.kube/config', '    client-key-data: hunter'],
    ['cat > .env <<EOF\nA=hunter\nEOF', ''],
    ['cat <<"EOF" | tee -a app/.env.local\nA=hunter\nEOF', ''],
  ])('in files that hold them are taken out of what a command does: %j', (command, stdout) => {
    const { body } = prepared({ ...base, tool_input: { command }, tool_response: { stdout, code: 0 } })
    expect(body).not.toContain('hunter')
    expect(body).toContain(JSON.stringify(command.split('\n')[0]).slice(1, -1))
  })

  it('of any name are taken out of a command that writes such a file', () => {
    const command = `echo 'NAME=hunter' >> .env`
    const { body } = prepared({ ...base, tool_input: { command, description: 'sets NAME' } })
    expect(body).not.toContain('hunter')
    expect(body).toContain('>> .env')
  })

  it('are whole where a document that is none is cut', () => {
    for (const before of [64 * 1024 - 30, 64 * 1024 - 10, 64 * 1024 + 4_096 - 20]) {
      const result = prepareEvent(
        `no JSON ${'x '.repeat(before / 2 - 4)}${githubToken}${' y'.repeat(4_000)}`,
        options,
      )
      if (result.kind !== 'unreadable') throw new Error('it is no event')
      expect(result.text).not.toContain(githubToken.slice(0, 8))
      expect(result.text).toContain('characters cut]')
    }
  })

  it('are taken out of what is found in files by a pattern', () => {
    const document = {
      ...base,
      tool_input: { glob: '.env*', pattern: 'A' },
      tool_response: { content: 'A=hunter' },
    }
    expect(prepared(document).body).not.toContain('hunter')
    expect(prepared(document).body).toContain('"pattern":"A"')
  })

  it.each([
    ['git commit -m secrets', 'a=b'],
    ['grep process.env src', 'a=b'],
  ])('are not thought to be in what is no such file: %s', (command, stdout) => {
    expect(prepared({ ...base, tool_input: { command }, tool_response: { stdout } }).redactions).toBe(0)
  })

  it('are taken out of headers and lists', () => {
    const document = {
      ...base,
      headers: [
        { name: 'X-Api-Key', value: 'abcdef' },
        { name: 'Accept', value: 'text' },
      ],
      tokens: ['abcdef'],
      usage: { max_tokens: 12, tokens: { input: 3 } },
      DB_PASS: 'abcdef',
    }
    const fields = fieldsOf(document)
    expect(fields).toMatchObject({ headers: [{}, { value: 'text' }], usage: document.usage })
    expect(JSON.stringify(fields)).not.toContain('abcdef')
  })

  it('are taken out of numbers of many digits', () => {
    const text = '{"hook_event_name":"Stop","password":12345678901234567890}'
    expect(prepared(text).body).toBe(`{"hook_event_name":"Stop","password":"${REDACTED}"}`)
  })

  it('leave numbers as they are written', () => {
    const text = '{"hook_event_name":"Stop","token":"abc","id":12345678901234567890,"big":1e400,"one":1.0}'
    expect(prepared(text).body).toBe(
      `{"hook_event_name":"Stop","token":"${REDACTED}","id":12345678901234567890,"big":1e400,"one":1.0}`,
    )
  })

  it('do not get through when there is no time to look for them', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `text ${i}`)
    const { body } = prepared({ ...base, many }, { ...options, isOutOfTime: () => true })
    const { many: kept } = JSON.parse(body) as { many: string[] }
    expect(kept[0]).toBe('text 0')
    expect(kept.at(-1)).toBe(UNFILTERED)
  })
})

describe('settings', () => {
  it('leave events out', () => {
    const result = (event: string, filter: Partial<PrepareOptions['filter']>) =>
      prepareEvent(JSON.stringify({ hook_event_name: event }), withFilter(filter)).kind
    expect(result('PreToolUse', { include: ['Pre*'] })).toBe('event')
    expect(result('Stop', { include: ['Pre*'] })).toBe('excluded')
    expect(result('PreToolUse', { exclude: ['*ToolUse'] })).toBe('excluded')
  })

  it('take fields out by path', () => {
    const filter = withFilter({ redact: ['tool_response', 'tool_input.*.content', '**.email'] })
    const document = {
      ...base,
      tool_response: { any: 'thing' },
      tool_input: { a: { content: 'x', other: 'y' }, content: 'z' },
      deep: [{ email: 'a@example.com' }],
    }
    expect(fieldsOf(document, filter)).toMatchObject({
      tool_response: REDACTED,
      tool_input: { a: { content: REDACTED, other: 'y' }, content: 'z' },
      deep: [{ email: REDACTED }],
    })
  })

  it('take texts out by pattern', () => {
    const filter = withFilter({ redactPatterns: [/customer-\d+/gu] })
    expect(fieldsOf({ ...base, a: 'for customer-12 and customer-7' }, filter)).toMatchObject({
      a: `for ${REDACTED} and ${REDACTED}`,
    })
  })
})

describe('a document that is too large', () => {
  it('is cut where it is longest, and says so', () => {
    const filter = withFilter({ maxEventBytes: 4_096 })
    const { body, isCut } = prepared({ ...base, short: 'kept', long: 'x'.repeat(50_000) }, filter)
    const fields = JSON.parse(body) as Record<string, string>
    expect(isCut).toBe(true)
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4_096)
    expect(fields['short']).toBe('kept')
    expect(fields['long']).toMatch(/^x{2000,}…\[posthorn: \d+ characters cut\]$/)
    expect(fields['posthorn_cut']).toMatchObject({ reason: 'too-large' })
  })

  it('shows no secret at the edge of the cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_000 }), (before) => {
        const text = `${'x '.repeat(before)}${githubToken} ${'y'.repeat(20_000)}`
        const { body } = prepared({ ...base, text }, withFilter({ maxEventBytes: 8_192 }))
        expect(body).not.toContain(githubToken.slice(0, 12))
      }),
    )
  })
})

describe('a document that breaks off', () => {
  it('is kept as far as it came', () => {
    const text = JSON.stringify({ ...base, tool_input: { command: 'ls', list: [1, 2, 3] }, last: 'text' })
    for (let length = 46; length < text.length; length++) {
      const { body, sessionId, isCut } = prepared(text.slice(0, length), {
        ...options,
        receivedBytes: length,
      })
      expect(isCut).toBe(true)
      expect(sessionId).toBe('s1')
      expect(JSON.parse(body)).toMatchObject({ posthorn_cut: { reason: 'torn', originalBytes: length } })
    }
  })

  it.each([['{"session_id":"s1"'], ['not json'], ['[1,2]'], ['"text"'], ['{'], ['null']])(
    'before it says what it is, is unreadable: %s',
    (text) => {
      expect(prepareEvent(text, options)).toMatchObject({ kind: 'unreadable', text })
    },
  )

  it('is kept without its secrets when it is unreadable', () => {
    expect(prepareEvent('TOKEN=abcdef123 and more', options)).toMatchObject({
      text: `TOKEN=${REDACTED} and more`,
    })
  })
})

it('nothing at all is empty', () => {
  expect(prepareEvent(' \n', options).kind).toBe('empty')
})

it('nested deeply is kept, also with numbers of many digits', () => {
  const a = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  const text = `{"hook_event_name":"Stop","n":12345678901234567890,"a":${a}}`
  expect(prepareEvent(text, options).kind).toBe('event')
})

it('whatever comes is answered without an exception', () => {
  const nested = `${'{"hook_event_name":"Stop","a":'.repeat(1)}${'['.repeat(50_000)}${']'.repeat(50_000)}}`
  expect(prepareEvent(nested, options).kind).not.toBe('empty')
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void prepareEvent(text, options)))
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      (text, at) => void prepareEvent(text.slice(0, at % text.length), options),
    ),
  )
})
