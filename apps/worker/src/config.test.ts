import { ValidationError } from '@posthorn/core'
import { describe, expect, it } from 'vitest'
import { parseWorkerConfig } from './config.ts'

const minimal = {
  DATABASE_URL: 'postgres://db/posthorn',
  POSTHORN_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
}

describe('parseWorkerConfig', () => {
  it('fills in every default', () => {
    expect(parseWorkerConfig(minimal)).toEqual({
      ...minimal,
      HOST: '127.0.0.1',
      PORT: 8_081,
      LOG_LEVEL: 'info',
      POSTHORN_ALLOWED_CIDRS: [],
      QUEUE_CONCURRENCY: 512,
      WEBHOOK_RESPONSE_LIMIT: 4_096,
      WEBHOOK_CONNECT_TIMEOUT: 5_000,
      WEBHOOK_DELIVERY_TIMEOUT: 30_000,
      CIRCUIT_BREAKER_ENABLED: true,
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: 5,
      CIRCUIT_BREAKER_RECOVERY_TIMEOUT: 60_000,
      CIRCUIT_BREAKER_SUCCESS_THRESHOLD: 3,
      EVENT_RETENTION_DAYS: 30,
      ATTEMPT_RETENTION_DAYS: 30,
      DEAD_LETTER_RETENTION_DAYS: 90,
      WEBHOOK_METRICS_RETENTION_DAYS: 90,
      SHUTDOWN_GRACE: 30_000,
    })
  })

  it.each([
    ['QUEUE_CONCURRENCY', '0'],
    ['QUEUE_CONCURRENCY', '512.5'],
    ['PORT', '65536'],
    ['ATTEMPT_RETENTION_DAYS', 'never'],
  ])('refuses %s=%s', (name, value) => {
    expect(() => parseWorkerConfig({ ...minimal, [name]: value })).toThrow(new RegExp(`^${name}: must be`))
  })

  it('reports every mistake at once', () => {
    const wrong = { PORT: 'x', QUEUE_CONCURRENCY: 'x', LOG_LEVEL: 'x', SHUTDOWN_GRACE: 'x' }
    try {
      parseWorkerConfig(wrong)
      expect.unreachable()
    } catch (error) {
      const paths = error instanceof ValidationError ? error.issues.map((issue) => issue.path) : []
      expect(paths.toSorted()).toEqual([...Object.keys(wrong), ...Object.keys(minimal)].toSorted())
    }
  })

  it('ignores what belongs to the other service', () => {
    expect(parseWorkerConfig({ ...minimal, WEBHOOK_BODY_LIMIT: 'nonsense', TRUST_PROXY: '?' })).toMatchObject(
      minimal,
    )
  })
})
