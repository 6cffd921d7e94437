import { describe, expect, it } from 'vitest'
import type { Hold, SpoolStatus } from '../spool/types.ts'
import { checkQueue } from './check-queue.ts'

const NOW = Date.parse('2026-01-02T03:04:05.000Z')

function held(hold: Partial<Hold>): SpoolStatus {
  const error = { code: 'unauthorized', message: 'No', at: new Date(NOW).toISOString() }
  const times = { since: NOW - 5_000, lastTriedAt: NOW - 5_000, nextTryAt: NOW + 55_000 }
  const whole: Hold = { kind: 'refused', ...times, sends: 1, error, settings: 'these', ...hold }
  return {
    ...{
      dir: '/spool',
      exists: true,
      pending: 1,
      processing: 0,
      failed: 0,
      unsealed: 0,
      bytes: 10,
      oldestAgeMs: 5_000,
    },
    state: {
      ...{ version: 1, clientId: 'c', totalDrops: {}, reportedDrops: {}, sent: 0, lastSuccessAt: null },
      ...{ lastError: error, hold: whole, retries: {}, foldedDrops: [] },
    },
    ...{ dropped: { total: {}, unreported: {} }, sender: null, captureError: null, sealProblem: null },
  }
}

describe('checkQueue with a pause', () => {
  it('fails where the settings of now are refused, in the words of every other command', () => {
    expect(checkQueue(held({ status: 401 }), NOW, 'these')).toMatchObject([
      {
        state: 'fail',
        message:
          'sending is paused since 2026-01-02T03:04:00.000Z: the server does not know this key (401): unauthorized: No; next try in 55 s',
      },
    ])
  })

  it('only warns where other settings were refused, and says how to go on', () => {
    const [check] = checkQueue(held({ status: 401 }), NOW, 'others')
    expect(check).toMatchObject({ state: 'warn', hint: expect.stringContaining('posthorn-hook drain') })
  })

  it('asks for nothing where the server is away', () => {
    const [check] = checkQueue(held({ kind: 'unreachable' }), NOW, 'these')
    expect(check).toMatchObject({ state: 'warn', hint: expect.stringContaining('by itself') })
  })
})
