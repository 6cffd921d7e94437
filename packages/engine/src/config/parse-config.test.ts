import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ValidationError } from '@posthorn/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { posthornOptions } from './from-config.ts'
import { parseConfig, redactedConfig } from './parse-config.ts'
import { retentionSettings, serviceSettings, webhookSettings } from './settings.ts'

const schema = z.object({ ...serviceSettings, ...webhookSettings, ...retentionSettings })
const key = `k1:${Buffer.alloc(32, 7).toString('base64')}`
const minimal = { DATABASE_URL: 'postgres://me:hunter2@db/posthorn', POSTHORN_ENCRYPTION_KEYS: key }

function mistakes(env: Record<string, string>): [path: string, message: string][] {
  try {
    parseConfig(schema, env)
  } catch (error) {
    if (error instanceof ValidationError) return error.issues.map(({ path, message }) => [path, message])
    throw error
  }
  return []
}

describe('parseConfig', () => {
  it('needs a database and keys, and has a default for everything else', () => {
    expect(mistakes({})).toEqual([
      ['DATABASE_URL', 'is missing'],
      ['POSTHORN_ENCRYPTION_KEYS', 'is missing'],
    ])
    expect(parseConfig(schema, minimal)).toMatchObject({
      WEBHOOK_DELIVERY_TIMEOUT: 30_000,
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: 5,
      EVENT_RETENTION_DAYS: 30,
      DEAD_LETTER_RETENTION_DAYS: 90,
      SHUTDOWN_GRACE: 30_000,
    })
  })

  it.each([
    ['DATABASE_URL', 'mysql://db', 'must be a connection string'],
    ['DIRECT_URL', 'db:5432', 'must be a connection string'],
    ['POSTHORN_ENCRYPTION_KEYS', 'k1:short', 'must be id:<32 bytes in base64>'],
    ['LOG_LEVEL', 'loud', 'must be one of'],
    ['POSTHORN_ALLOWED_CIDRS', '10.0.0.0/33', 'is no IP address or CIDR network'],
    ['WEBHOOK_RESPONSE_LIMIT', '4 GB', 'must be a number of bytes'],
    ['WEBHOOK_CONNECT_TIMEOUT', '49', 'from 50 to 60000'],
    ['WEBHOOK_DELIVERY_TIMEOUT', '30s', 'must be a whole number of milliseconds'],
    ['WEBHOOK_DELIVERY_TIMEOUT', '300001', 'from 100 to 300000'],
    ['CIRCUIT_BREAKER_ENABLED', '1', 'must be true or false'],
    ['CIRCUIT_BREAKER_FAILURE_THRESHOLD', '-1', 'from 1 to 10000'],
    ['SHUTDOWN_GRACE', '1.5', 'must be a whole number of milliseconds'],
    ['EVENT_RETENTION_DAYS', '0', 'from 1 to 3650'],
  ])('refuses %s=%s by name, and says what is right', (name, value, words) => {
    const found = mistakes({ ...minimal, [name]: value })
    expect(found).toEqual([[name, expect.stringContaining(words)]])
  })

  it('takes an empty variable for one that is not set', () => {
    expect(parseConfig(schema, { ...minimal, LOG_LEVEL: '' }).LOG_LEVEL).toBe('info')
    expect(mistakes({ ...minimal, DATABASE_URL: '' })).toEqual([['DATABASE_URL', 'is missing']])
  })

  it('reads a secret from a file, and refuses it in both places', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'posthorn-config-')), 'keys')
    writeFileSync(file, `${key}\n`)
    const { DATABASE_URL } = minimal
    expect(parseConfig(schema, { DATABASE_URL, POSTHORN_ENCRYPTION_KEYS_FILE: file })).toMatchObject(minimal)
    expect(mistakes({ ...minimal, POSTHORN_ENCRYPTION_KEYS_FILE: file })).toEqual([
      ['POSTHORN_ENCRYPTION_KEYS_FILE', expect.stringContaining('only one of them')],
    ])
  })

  it('repeats no value in its mistakes', () => {
    const found = mistakes({ DATABASE_URL: 'mysql://hunter2@db', POSTHORN_ENCRYPTION_KEYS: 'hunter2' })
    expect(found).toHaveLength(2)
    expect(JSON.stringify(found)).not.toContain('hunter2')
  })
})

describe('redactedConfig', () => {
  it('shows no key and no password', () => {
    const shown = redactedConfig(parseConfig(schema, minimal))
    expect(JSON.stringify(shown)).not.toMatch(/hunter2|BwcHBwcH/)
    expect(shown['DATABASE_URL']).toContain('@db/posthorn')
  })
})

describe('posthornOptions', () => {
  it('takes a direct URL for the sign of a pooler', () => {
    expect(posthornOptions(parseConfig(schema, minimal)).listen).toBe(true)
    const pooled = { ...minimal, DIRECT_URL: 'postgres://direct/posthorn' }
    expect(posthornOptions(parseConfig(schema, pooled))).toMatchObject({
      listen: false,
      connectionString: minimal.DATABASE_URL,
    })
  })
})
