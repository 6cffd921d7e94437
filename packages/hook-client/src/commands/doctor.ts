import { SCOPES, settingsPath } from '../claude-settings/settings-file.ts'
import { type Check, fail } from '../doctor/check.ts'
import { checkHooks } from '../doctor/check-hooks.ts'
import { checkNode } from '../doctor/check-node.ts'
import { checkPlaces } from '../doctor/check-places.ts'
import { checkQueue } from '../doctor/check-queue.ts'
import { checkServer } from '../doctor/check-server.ts'
import { checkSettings } from '../doctor/check-settings.ts'
import { settingsFingerprint } from '../sender/hold.ts'
import type { Spool } from '../spool/layout.ts'
import { spoolStatus } from '../spool/status.ts'
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts'
import { count, type Output, paint } from '../terminal/output.ts'
import { type CommandContext, claudeUserDir, projectDirOf } from './context.ts'
import { spoolsOf } from './spools.ts'

/** `posthorn-hook doctor`: looks at everything that capture needs, and says what to do where something is wrong. */
export async function doctor(context: CommandContext, output: Output): Promise<ExitCode> {
  const { config } = context.settings
  const places = { projectDir: projectDirOf(context), userDir: claudeUserDir(context) }
  const checks: Check[] = [
    ...checkNode(context.env),
    ...checkSettings(context.settings),
    ...checkHooks(SCOPES.map((scope) => settingsPath(scope, places))),
    ...checkPlaces(config.spoolDir, config.logDir),
    ...spoolsOf(context).flatMap((spool) => checkSpool(spool, settingsFingerprint(config))),
    ...(config.url === undefined ? [] : await checkServer(config.url, config.apiKey, config.timeoutMs)),
  ]
  const number = (state: Check['state']) => checks.filter((check) => check.state === state).length
  const [failed, warned] = [number('fail'), number('warn')]
  const end =
    failed > 0
      ? `${count(failed, 'failure')}, ${count(warned, 'warning')}`
      : warned > 0
        ? `It works, with ${count(warned, 'warning')}.`
        : 'Everything is in order.'
  output.result({ ok: failed === 0, checks }, `${checks.map(lineOf).join('\n')}\n\n${end}`)
  return failed === 0 ? EXIT.ok : EXIT.failure
}

function checkSpool(spool: Spool, settings: string): Check[] {
  try {
    return checkQueue(spoolStatus(spool), Date.now(), settings)
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    return [
      fail(
        'queue',
        `the spool in ${spool.dir} cannot be read: ${code}`,
        'Whose is it, and with which rights?',
      ),
    ]
  }
}

const MARKS = { ok: ['green', 'ok  '], warn: ['yellow', 'warn'], fail: ['red', 'FAIL'] } as const

function lineOf({ name, state, message, hint }: Check): string {
  const [colour, mark] = MARKS[state]
  const line = `${paint(colour, mark)}  ${name.padEnd(9)} ${message}`
  return hint === undefined ? line : `${line}\n${' '.repeat(16)}${hint}`
}
