import { type Clock, createUuidV7, uuidv7Time } from '@posthorn/core'
import type { HookConfig } from '../../src/config/config.ts'
import { DEFAULTS } from '../../src/config/settings.ts'
import type { SpooledEvent } from '../../src/spool/types.ts'

/** Makes events as capture does, by a clock of the test. */
export function eventMaker(clock: Clock): (sessionId?: string | null, body?: object) => SpooledEvent {
  const newId = createUuidV7({ now: clock.now })
  return (sessionId = 's1', body = { hook_event_name: 'Stop' }) => {
    const requestId = newId()
    return {
      version: 1,
      requestId,
      traceId: requestId.replaceAll('-', ''),
      capturedAt: new Date(uuidv7Time(requestId)).toISOString(),
      event: 'Stop',
      sessionId,
      body: JSON.stringify(body),
    }
  }
}

/** Settings for a spool in a directory. */
export function configFor(
  spoolDir: string,
  more: Partial<HookConfig> = {},
): HookConfig & { url: string; apiKey: string } {
  return {
    ...DEFAULTS,
    spoolDir,
    logDir: `${spoolDir}-logs`,
    fallbackSpoolDir: `${spoolDir}-fallback`,
    sealDirs: [`${spoolDir}-seal`],
    ...more,
    url: more.url ?? 'http://localhost:1/api/v1/hooks/claude-code',
    apiKey: more.apiKey ?? 'phk_test_0123456789',
  }
}
