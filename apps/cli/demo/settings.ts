import { generateEncryptionKey } from '@posthorn/db'

/** How many events are published. */
export const EVENTS = 2_000
/** The demo ends by itself, whatever happens, after this long. */
export const LIMIT_MS = 105_000
/** Moments of the run, as shares of the events published. */
export const MOMENTS = { goesDown: 0.2, workerKilled: 0.5, comesBack: 0.7 }
/** How fast: every tick one batch and some single requests at the same time. */
export const PACE = { tickMs: 100, batch: 10, singles: 8, ticksAtOnce: 4 }

/** Short settings, so that everything can be seen within a minute. In real life these are minutes. */
export const SHORT = {
  deliveryTimeoutMs: 2_500,
  circuitOpenMs: 1_500,
  /** the last delay repeats */
  retry: { delays: [250, 500, 1_000], maxAttempts: 100 },
  /** of an endpoint that fails most of the time but lives */
  patientCircuit: { failureThreshold: 1_000 },
}

export const SHORT_NOTE =
  'Retry delays (0.25 to 1 s), the delivery timeout (2.5 s) and the pause of an open circuit (1.5 s) are short ones, made ' +
  'for this demo.'

/** The environment of every process of the demo. */
export function serviceEnvironment(databaseUrl: string): { env: NodeJS.ProcessEnv; key: string } {
  const key = `phk_${'0'.repeat(31)}1_${'demo'.repeat(10)}`
  const { PATH, HOME, TMPDIR, NODE_OPTIONS } = process.env
  const env = {
    ...{ PATH, HOME, TMPDIR, NODE_OPTIONS, NODE_ENV: 'production', LOG_LEVEL: 'info', HOST: '127.0.0.1' },
    DATABASE_URL: databaseUrl,
    POSTHORN_ENCRYPTION_KEYS: generateEncryptionKey(),
    POSTHORN_BOOTSTRAP_KEY: key,
    POSTHORN_ALLOWED_CIDRS: '127.0.0.0/8',
    WEBHOOK_DELIVERY_TIMEOUT: String(SHORT.deliveryTimeoutMs),
    CIRCUIT_BREAKER_RECOVERY_TIMEOUT: String(SHORT.circuitOpenMs),
    CIRCUIT_BREAKER_SUCCESS_THRESHOLD: '2',
    SHUTDOWN_GRACE: '5000',
  }
  return { env, key }
}
