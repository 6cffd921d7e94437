import { uuidv7 } from '@posthorn/core'
import { UnfitFileError } from '../plain-file.ts'
import { temporaryName, tolerate, unlessGone } from './disk.ts'
import { writeDurably } from './durable-write.ts'
import { at, type Spool, STATE_FILE } from './layout.ts'
import type { SpoolState } from './types.ts'

/** It is sent as part of a header, and a project's folder may hold what anybody has put there. */
const CLIENT_ID = /^[0-9a-f-]{36}$/

/** The state of a spool that has none yet. */
export function newState(): SpoolState {
  return {
    version: 1,
    clientId: uuidv7(),
    totalDrops: {},
    reportedDrops: {},
    sent: 0,
    lastSuccessAt: null,
    lastError: null,
    hold: null,
    retries: {},
    foldedDrops: [],
  }
}

/** The state of a spool; null when there is none, and `corrupt` when its file cannot be read as one. */
export function readState(spool: Spool): SpoolState | null | 'corrupt' {
  try {
    const text = unlessGone(() => spool.disk.read(at(spool, STATE_FILE)))
    if (text === undefined) return null
    const raw = JSON.parse(text) as Partial<SpoolState> | null
    if (raw === null) return 'corrupt'
    const isState =
      raw.version === 1 &&
      typeof raw.clientId === 'string' &&
      CLIENT_ID.test(raw.clientId) &&
      (raw.sent === undefined || (Number.isSafeInteger(raw.sent) && raw.sent >= 0)) &&
      [raw.totalDrops, raw.reportedDrops, raw.retries].every((one) => isObject(one)) &&
      Array.isArray(raw.foldedDrops) &&
      (raw.hold === null || isObject(raw.hold))
    return isState ? ({ ...newState(), ...raw } as SpoolState) : 'corrupt'
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof UnfitFileError) return 'corrupt'
    throw error
  }
}

/**
 * The state for a sender to go on with. One that cannot be read is put aside as `state.corrupt.json`:
 * events lose their retry counts and are tried again at once, and nothing else.
 */
export function takeState(spool: Spool): { state: SpoolState; wasCorrupt: boolean } {
  const found = readState(spool)
  if (found !== null && found !== 'corrupt') return { state: found, wasCorrupt: false }
  if (found === 'corrupt') {
    tolerate(() => spool.disk.rename(at(spool, STATE_FILE), at(spool, 'state.corrupt.json')))
  }
  return { state: newState(), wasCorrupt: found === 'corrupt' }
}

/** Writes the state; only the holder of the sender's lock may. */
export function writeState(spool: Spool, state: SpoolState): void {
  writeDurably(spool, temporaryName('state'), [STATE_FILE], `${JSON.stringify(state, null, 2)}\n`)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
