import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ValidationError } from '@posthorn/core'
import { redactedConfig } from '@posthorn/engine/config'
import { describe, expect, it } from 'vitest'
import { parseIngestConfig } from './config.ts'

const key = Buffer.alloc(32, 7).toString('base64')
const minimal = { DATABASE_URL: 'postgres://me:hunter2@db/posthorn', POSTHORN_ENCRYPTION_KEYS: `k1:${key}` }

function issuesOf(env: Record<string, string>) {
  try {
    parseIngestConfig(env)
  } catch (error) {
    if (error instanceof ValidationError) return error.issues
    throw error
  }
  return []
}

describe('parseIngestConfig', () => {
  it('fills in every default', () => {
    expect(parseIngestConfig(minimal)).toEqual({
      ...minimal,
      HOST: '127.0.0.1',
      PORT: 8080,
      LOG_LEVEL: 'info',
      POSTHORN_ALLOWED_CIDRS: [],
      TRUST_PROXY: [],
      WEBHOOK_BODY_LIMIT: 1_048_576,
      WEBHOOK_RESPONSE_LIMIT: 4_096,
      WEBHOOK_CONNECT_TIMEOUT: 5_000,
      WEBHOOK_DELIVERY_TIMEOUT: 30_000,
      CIRCUIT_BREAKER_ENABLED: true,
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: 5,
      CIRCUIT_BREAKER_RECOVERY_TIMEOUT: 60_000,
      CIRCUIT_BREAKER_SUCCESS_THRESHOLD: 3,
      SHUTDOWN_GRACE: 30_000,
      WEBHOOK_TIMEOUT_DEFAULT: 10_000,
      WEBHOOK_TIMEOUT_QUIZ_ANSWER: 2_000,
      WEBHOOK_TIMEOUT_WINNER_SELECTION: 5_000,
      WEBHOOK_TIMEOUT_PARTICIPANT_REGISTRATION: 3_000,
      WEBHOOK_RETRY_MAX_ATTEMPTS: 4,
      WEBHOOK_RETRY_INITIAL_DELAY: 1_000,
      WEBHOOK_RETRY_MAX_DELAY: 30_000,
      WEBHOOK_RETRY_BACKOFF_MULTIPLIER: 2,
      CALL_FALLBACKS: {},
      CALL_RESPONSE_LIMIT: 262_144,
    })
  })

  it('reads sizes, lists and flags', () => {
    const config = parseIngestConfig({
      ...minimal,
      WEBHOOK_BODY_LIMIT: '2 MiB',
      WEBHOOK_RESPONSE_LIMIT: '8KiB',
      POSTHORN_ALLOWED_CIDRS: '10.0.0.0/8, ::1',
      TRUST_PROXY: 'loopback,192.0.2.1',
      CIRCUIT_BREAKER_ENABLED: 'false',
    })
    expect(config.WEBHOOK_BODY_LIMIT).toBe(2_097_152)
    expect(config.WEBHOOK_RESPONSE_LIMIT).toBe(8_192)
    expect(config.POSTHORN_ALLOWED_CIDRS).toEqual(['10.0.0.0/8', '::1'])
    expect(config.TRUST_PROXY).toEqual(['loopback', '192.0.2.1'])
    expect(config.CIRCUIT_BREAKER_ENABLED).toBe(false)
  })

  it('reports every mistake at once, by name and without the values', () => {
    const issues = issuesOf({
      DATABASE_URL: 'mysql://secret-value@db',
      POSTHORN_ENCRYPTION_KEYS: 'k1:secret-value',
      PORT: '70000',
      LOG_LEVEL: 'loud',
      TRUST_PROXY: 'true',
      POSTHORN_ALLOWED_CIDRS: '10.0.0.0/40,loopback',
      WEBHOOK_BODY_LIMIT: '1 GB',
      CIRCUIT_BREAKER_ENABLED: 'yes',
      POSTHORN_BOOTSTRAP_KEY: 'secret-value',
    })
    expect(issues.map((issue) => issue.path).sort()).toEqual([
      'CIRCUIT_BREAKER_ENABLED',
      'DATABASE_URL',
      'LOG_LEVEL',
      'PORT',
      'POSTHORN_ALLOWED_CIDRS',
      'POSTHORN_ALLOWED_CIDRS',
      'POSTHORN_BOOTSTRAP_KEY',
      'POSTHORN_ENCRYPTION_KEYS',
      'TRUST_PROXY',
      'WEBHOOK_BODY_LIMIT',
    ])
    expect(JSON.stringify(issues)).not.toContain('secret-value')
  })

  it('says what is missing', () => {
    expect(issuesOf({})).toEqual([
      { path: 'DATABASE_URL', message: 'is missing' },
      { path: 'POSTHORN_ENCRYPTION_KEYS', message: 'is missing' },
    ])
  })

  it('reads secrets from files and trims the line break', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'posthorn-config-')), 'url')
    writeFileSync(file, `${minimal.DATABASE_URL}\n`)
    const config = parseIngestConfig({
      DATABASE_URL_FILE: file,
      POSTHORN_ENCRYPTION_KEYS: minimal.POSTHORN_ENCRYPTION_KEYS,
    })
    expect(config.DATABASE_URL).toBe(minimal.DATABASE_URL)
  })

  it('refuses a secret given twice and a file that is not there, once each', () => {
    const missing = { ...minimal, DATABASE_URL: '', DATABASE_URL_FILE: '/nowhere/url' }
    expect(issuesOf(missing)).toEqual([{ path: 'DATABASE_URL_FILE', message: 'cannot be read (ENOENT)' }])
    expect(issuesOf({ ...minimal, DATABASE_URL_FILE: '/nowhere/url' }).map((issue) => issue.path)).toEqual([
      'DATABASE_URL_FILE',
    ])
  })
})

describe('redactedConfig', () => {
  it('shows no secret and no password of a URL', () => {
    const config = parseIngestConfig({
      ...minimal,
      DIRECT_URL: 'postgres://me:hunter2@direct/posthorn',
      POSTHORN_BOOTSTRAP_KEY: `phk_${'a'.repeat(32)}_${'b'.repeat(40)}`,
    })
    const shown = JSON.stringify(redactedConfig(config))
    for (const secret of ['hunter2', key, 'b'.repeat(40)]) expect(shown).not.toContain(secret)
    expect(shown).toContain('/posthorn')
    expect(redactedConfig(config)['PORT']).toBe(8080)
  })
})
