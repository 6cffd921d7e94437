import { DEFAULT_CIRCUIT_SETTINGS } from '@posthorn/circuit-breaker'
import { RETRY_PRESETS, uuidv7 } from '@posthorn/core'
import type pg from 'pg'
import type { NewApproval } from '../src/approvals/approval.ts'
import { AppRepository } from '../src/apps/app-repository.ts'
import type { CapabilitySettings, NewManifest } from '../src/apps/manifest.ts'
import type { CallBatch, NewCall, NewCallAttempt } from '../src/calls/call-batch.ts'
import { PLATFORM_APP_ID } from '../src/changes/record-changes.ts'
import type { NewNotification } from '../src/notifications/notification.ts'
import { DEFAULT_APP_ID } from '../src/schema/index.ts'
import { keyring, rowsOf } from './support.ts'

/** Makes an app and tells its id. */
export async function createApp(pool: pg.Pool): Promise<string> {
  const { app } = await new AppRepository(pool, keyring).create({ name: 'shop', contacts: [] })
  return app.id
}

export function capability(name: string, overrides: Partial<CapabilitySettings> = {}): CapabilitySettings {
  return {
    name,
    url: `https://shop.example.test/${name}`,
    timeoutMs: 5_000,
    connectTimeoutMs: 2_000,
    retry: RETRY_PRESETS.call,
    circuit: DEFAULT_CIRCUIT_SETTINGS,
    ...overrides,
  }
}

/** A manifest of some capabilities, as the repository takes it. */
export function newManifest(...capabilities: CapabilitySettings[]): NewManifest {
  return {
    manifest: { webhooks: Object.fromEntries(capabilities.map(({ name, url }) => [name, url])) },
    healthUrl: null,
    createdBy: 'tests',
    capabilities,
  }
}

export function newCall(overrides: Partial<NewCall> = {}): NewCall {
  return {
    id: uuidv7(),
    appId: DEFAULT_APP_ID,
    endpointId: uuidv7(),
    capability: 'quote',
    requestId: 'req-1',
    outcome: 'ok',
    source: 'app',
    fallback: null,
    reason: null,
    message: null,
    ageMs: null,
    startedAt: new Date(),
    durationMs: 12.5,
    attempts: 1,
    audit: null,
    ...overrides,
  }
}

export function newCallAttempt(overrides: Partial<NewCallAttempt> = {}): NewCallAttempt {
  return {
    id: uuidv7(),
    callId: uuidv7(),
    endpointId: uuidv7(),
    number: 1,
    startedAt: new Date(),
    durationMs: 11.5,
    success: true,
    status: 200,
    failure: null,
    errorCode: null,
    errorMessage: null,
    timing: { dnsMs: 1.5, totalMs: 11.5 },
    responseHeaders: null,
    responseBody: null,
    responseTruncated: false,
    circuitEpoch: 0,
    ...overrides,
  }
}

export function newNotification(overrides: Partial<NewNotification> = {}): NewNotification {
  const at = overrides.firstAt ?? new Date()
  return {
    id: uuidv7(),
    appId: DEFAULT_APP_ID,
    capability: 'quote',
    roomId: 'room-1',
    reason: 'timeout',
    strategy: 'static',
    count: 1,
    firstAt: at,
    lastAt: overrides.lastAt ?? at,
    callId: uuidv7(),
    ...overrides,
  }
}

/** What a writer has to say, nothing unless told otherwise. */
export const callBatch = (overrides: Partial<CallBatch & { workerId: string }> = {}) => ({
  calls: [],
  attempts: [],
  notifications: [],
  stats: [],
  workerId: 'ingest-1',
  ...overrides,
})

export function newApproval(overrides: Partial<NewApproval> = {}): NewApproval {
  return {
    id: uuidv7(),
    callId: uuidv7(),
    appId: DEFAULT_APP_ID,
    capability: 'participant_registration',
    payloadText: '{"participant": 1e400}',
    context: { roomId: 'room-1' },
    createdAt: new Date(),
    expiresAt: new Date(Date.now() + 3_600_000),
    ...overrides,
  }
}

/** What was announced of some type to an app, or to the platform, in the order of its transactions. */
export async function announced(
  pool: pg.Pool,
  type: string,
  appId: string = PLATFORM_APP_ID,
): Promise<Record<string, unknown>[]> {
  const rows = await rowsOf<{ data: Record<string, unknown> }>(
    pool,
    'select data from posthorn.changes where app_id = $1 and type = $2 order by xid, seq',
    [appId, type],
  )
  return rows.map(({ data }) => data)
}
