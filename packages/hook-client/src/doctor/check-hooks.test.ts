import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addHooks } from '../claude-settings/edit-hooks.ts'
import { checkHooks } from './check-hooks.ts'

let folder = ''
let file = ''
let settings = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-doctor-'))
  file = join(folder, 'posthorn-hook.cjs')
  settings = join(folder, 'settings.json')
  writeFileSync(file, '')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Checks settings that are those of `init` with a change. */
function check(change: (hooks: Record<string, unknown[]>) => void = () => undefined, more: object = {}) {
  const { hooks } = JSON.parse(addHooks('{}', file)) as { hooks: Record<string, unknown[]> }
  change(hooks)
  writeFileSync(settings, JSON.stringify({ hooks, ...more }))
  return checkHooks([settings, join(folder, 'none.json')])
}

const bad = (checks: ReturnType<typeof checkHooks>) =>
  checks
    .filter(({ state }) => state !== 'ok')
    .map(({ name, state, message }) => `${state} ${name}: ${message}`)
const handler = (more: object = {}) => ({
  hooks: [{ type: 'command', command: 'node', args: [file, 'capture'], timeout: 5, ...more }],
})

describe('checkHooks', () => {
  it('is content with what init writes', () => {
    expect(check()).toEqual([
      expect.objectContaining({ state: 'ok', message: expect.stringContaining('all 30 events') }),
    ])
  })

  it('misses hooks where there are none', () => {
    expect(bad(checkHooks([settings]))).toEqual(['fail hooks: no hook captures here'])
  })

  it('names the events that are not captured', () => {
    const checks = check((hooks) => {
      delete hooks['Stop']
    })
    expect(bad(checks)).toEqual([expect.stringMatching(/^warn hooks: not captured: Stop /)])
  })

  it('takes a limit above a minute for milliseconds', () => {
    const checks = check((hooks) => {
      hooks['Stop'] = [handler({ timeout: 5_000 })]
    })
    expect(bad(checks)).toEqual([expect.stringMatching(/^fail timeouts: timeout 5000 is in seconds.*Stop/)])
  })

  it('warns of a missing limit, and of the limits of others', () => {
    const checks = check((hooks) => {
      hooks['Stop'] = [
        handler({ timeout: undefined }),
        { hooks: [{ type: 'command', command: 'x', timeout: 30_000 }] },
      ]
    })
    expect(bad(checks)).toEqual([
      expect.stringMatching(/^warn timeouts: a hook has no timeout/),
      expect.stringMatching(/^warn timeouts: another hook's timeout of 30000/),
    ])
  })

  it('fails where a hook does harm, where hooks are off, and where the file is gone', () => {
    rmSync(file)
    const checks = check(
      (hooks) => {
        hooks['WorktreeCreate'] = [handler()]
      },
      { disableAllHooks: true },
    )
    expect(bad(checks)).toEqual([
      expect.stringMatching(/^fail hooks: disableAllHooks/),
      expect.stringMatching(/^fail hooks: hooks start .*which is not there/),
      expect.stringMatching(/^fail hooks: a hook on WorktreeCreate/),
    ])
  })

  it('warns of events that are captured twice, and of hooks that start slowly', () => {
    const other = join(folder, 'other', 'posthorn-hook.cjs')
    const checks = check((hooks) => {
      hooks['Stop']?.push({
        hooks: [{ type: 'command', command: 'npx -y posthorn-hook capture', timeout: 5 }],
      })
      hooks['Setup']?.push(handler({ args: [other, 'capture'] }))
    })
    expect(bad(checks)).toEqual([
      expect.stringContaining(`${other}, which is not there`),
      expect.stringMatching(/^warn hooks: hooks start 2 different files/),
      expect.stringMatching(/^warn hooks: a hook starts through a package manager/),
    ])
  })

  it('tells of variables that only sessions get, without their values', () => {
    const checks = check(undefined, { env: { POSTHORN_HOOK_API_KEY: 'phk_hush', OTHER: 'x' } })
    expect(checks[0]?.message).toContain(`sessions get POSTHORN_HOOK_API_KEY from ${settings}`)
    expect(JSON.stringify(checks)).not.toContain('phk_hush')
  })

  it('fails on a file that Claude Code cannot read', () => {
    writeFileSync(settings, '{ "hooks": ')
    expect(bad(checkHooks([settings]))[0]).toContain(`fail hooks: ${settings} is not a settings file`)
  })
})
