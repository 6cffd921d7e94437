import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addHooks, removeHooks } from './edit-hooks.ts'
import { handlersIn, isOurs } from './hook-entries.ts'
import { CAPTURED_EVENTS } from './hook-events.ts'

const FILE = '/opt/posthorn/dist/posthorn-hook.js'
const HANDLER = { type: 'command', command: 'node', args: [FILE, 'capture'], timeout: 5 }
const ours = (text: string) => handlersIn(JSON.parse(text)).filter(({ handler }) => isOurs(handler))

describe('addHooks', () => {
  it('puts one handler on every captured event, and on none that it would harm', () => {
    const { hooks, ...rest } = JSON.parse(addHooks('{}\n', FILE))
    expect(rest).toEqual({})
    expect(Object.keys(hooks)).toEqual([...CAPTURED_EVENTS])
    for (const groups of Object.values(hooks)) expect(groups).toEqual([{ hooks: [HANDLER] }])
    for (const event of ['WorktreeCreate', 'MessageDisplay', 'FileChanged'])
      expect(hooks).not.toHaveProperty(event)
  })

  it('keeps what others wrote, byte for byte, and stands behind it', () => {
    const text = `{
    "model":   "opus",
    "permissions": { "allow": ["Bash(ls:*)", "Read"] },
    "hooks": {
        "Stop": [
            { "hooks": [ { "type": "command", "command": "say done" } ] }
        ]
    }
}
`
    const edited = addHooks(text, FILE)
    expect(edited).toContain('"model":   "opus",\n    "permissions": { "allow": ["Bash(ls:*)", "Read"] },')
    expect(edited).toContain('{ "hooks": [ { "type": "command", "command": "say done" } ] }')
    expect(JSON.parse(edited).hooks.Stop).toEqual([
      { hooks: [{ type: 'command', command: 'say done' }] },
      { hooks: [HANDLER] },
    ])
    expect(edited).toMatch(/\n {8}"SessionStart": \[\n/)
    expect(edited.endsWith('}\n')).toBe(true)
  })

  it.each([
    ['tabs', '{\n\t"a": 1\n}', /\n\t"hooks": \{\n\t\t"SessionStart"/],
    ['CRLF', '{\r\n  "a": 1\r\n}\r\n', /\r\n {2}"hooks": \{\r\n {4}"SessionStart"/],
  ])('writes %s as the file does', (_, text, expected) => {
    const edited = addHooks(text, FILE)
    expect(edited).toMatch(expected)
    if (text.includes('\r')) expect(edited).not.toMatch(/[^\r]\n/)
  })

  it('follows the file when it has moved, mends a limit in milliseconds, and keeps what was set beside it', () => {
    const moved = {
      ...HANDLER,
      args: ['/old/posthorn-hook.js', 'capture'],
      timeout: 5_000,
      statusMessage: 'hi',
    }
    const twice = [
      { matcher: 'Bash', hooks: [moved] },
      { hooks: [moved, { type: 'command', command: 'mine' }] },
    ]
    const { hooks } = JSON.parse(addHooks(JSON.stringify({ hooks: { PreToolUse: twice } }), FILE))
    expect(hooks.PreToolUse).toEqual([
      { matcher: 'Bash', hooks: [{ ...HANDLER, statusMessage: 'hi' }] },
      { hooks: [{ type: 'command', command: 'mine' }] },
    ])
  })

  it('takes our handler off events that it would harm', () => {
    const text = JSON.stringify({ hooks: { WorktreeCreate: [{ hooks: [HANDLER] }] } })
    expect(JSON.parse(addHooks(text, FILE)).hooks).not.toHaveProperty('WorktreeCreate')
  })

  it('adds nothing where somebody captures by hand', () => {
    const byHand = [{ hooks: [{ type: 'command', command: 'npx posthorn-hook capture' }] }]
    const { hooks } = JSON.parse(addHooks(JSON.stringify({ hooks: { Stop: byHand } }), FILE))
    expect(hooks.Stop).toEqual(byHand)
    expect(hooks.SessionStart).toHaveLength(1)
  })

  it.each([
    ['{ "hooks": [] }', 'hooks must be an object'],
    ['{ "hooks": { "Stop": {} } }', 'hooks.Stop must be a list'],
    ['{ "hooks": { "Stop": [{ "matcher": "*" }] } }', 'hooks.Stop[0].hooks must be a list'],
    ['{ "hooks": { "Stop": [{ "hooks": ["x"] }] } }', 'hooks.Stop[0].hooks[0] must be an object'],
    ['[]', 'the file must hold an object'],
  ])('refuses %s', (text, message) => {
    expect(() => addHooks(text, FILE)).toThrow(new TypeError(message))
  })

  it.each(['', '{', '{ "a": 1, }', '// no\n{}'])('refuses text that is no JSON: %j', (text) => {
    expect(() => addHooks(text, FILE)).toThrow(SyntaxError)
  })
})

/** Settings as others have them: any values, some hooks of their own, any indentation. */
const settings = fc
  .record(
    {
      env: fc.dictionary(fc.string(), fc.jsonValue()),
      hooks: fc.dictionary(
        fc.oneof(fc.constantFrom(...CAPTURED_EVENTS, 'WorktreeCreate'), fc.stringMatching(/^[A-Z]\w+$/)),
        fc.array(
          fc.record({
            matcher: fc.string(),
            hooks: fc.array(fc.record({ type: fc.constantFrom('command', 'http'), command: fc.string() }), {
              minLength: 1,
            }),
          }),
          { minLength: 1 },
        ),
        { minKeys: 1 },
      ),
      other: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  // What was written as JSON is what is compared: no __proto__, no -0.
  .map((value) => JSON.stringify(value))
const layout = fc.record({ indent: fc.constantFrom('', '  ', '    ', '\t'), end: fc.constantFrom('', '\n') })

describe('for any settings', () => {
  it('adding twice is adding once, and changes nothing but hooks', () => {
    fc.assert(
      fc.property(settings, layout, (json, { indent, end }) => {
        const before = JSON.parse(json)
        const once = addHooks(JSON.stringify(before, null, indent) + end, FILE)
        expect(addHooks(once, FILE)).toBe(once)
        const after = JSON.parse(once)
        expect({ ...after, hooks: before.hooks }).toEqual({ ...before, hooks: before.hooks })
        expect(
          ours(once)
            .map(({ event }) => event)
            .sort(),
        ).toEqual([...CAPTURED_EVENTS].sort())
      }),
      { numRuns: 40 },
    )
  })

  it('removing gives back what was there before', () => {
    fc.assert(
      fc.property(settings, layout, (json, { indent, end }) => {
        const before = JSON.stringify(JSON.parse(json), null, indent) + end
        const removed = removeHooks(addHooks(before, FILE))
        expect(JSON.parse(removed)).toEqual(JSON.parse(before))
        // Only a file that held nothing comes back with other white space.
        if (json !== '{}') expect(removed).toBe(before)
        expect(removeHooks(removed)).toBe(removed)
      }),
      { numRuns: 40 },
    )
  })
})
