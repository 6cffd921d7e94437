import { hostname } from 'node:os'
import { type CircuitSettings, DEFAULT_CIRCUIT_SETTINGS } from '@posthorn/circuit-breaker'
import { uuidv7 } from '@posthorn/core'
import {
  AnswerRepository,
  ApprovalRepository,
  createKeyring,
  ManifestRepository,
  PostgresCircuitStore,
  writeCalls,
} from '@posthorn/db'
import { createDelegator, type Delegator } from '@posthorn/delegator'
import { createNetworkPolicy, type NetworkPolicy } from '@posthorn/dispatcher'
import type { Posthorn } from '@posthorn/engine'
import type { ServicePool } from '@posthorn/engine/config'
import type { FastifyBaseLogger } from 'fastify'
import type { IngestConfig } from '../config.ts'
import type { CallMetrics } from './call-metrics.ts'
import { callQueue } from './call-queue.ts'
import { CallRecords } from './call-records.ts'
import { GroupedApprovals } from './grouped-approvals.ts'
import { callDefaults } from './settings.ts'
import { StoredApps } from './stored-apps.ts'

export interface CallsOptions {
  readonly posthorn: Posthorn
  /** for calls alone; stays the caller's to end */
  readonly pool: ServicePool
  readonly config: IngestConfig
  readonly metrics: CallMetrics
  readonly logger?: FastifyBaseLogger | undefined
  readonly maxOpenPerApp?: number | undefined
}

/** Calls to apps, with everything that is kept about them in the database. */
export interface Calls {
  readonly delegator: Delegator
  readonly apps: StoredApps
  readonly circuits: PostgresCircuitStore
  /** what a manifest is read with, and what its capabilities get */
  readonly rules: CallRules
}

export interface CallRules {
  readonly defaults: ReturnType<typeof callDefaults>
  readonly networkPolicy: NetworkPolicy
  readonly circuit: CircuitSettings
  readonly connectTimeoutMs: number
}

/** Makes what calls need. `delegator.close()` ends it: it waits for calls under way and writes their records. */
export function createCalls(options: CallsOptions): Calls {
  const { posthorn, pool, config, metrics, logger, maxOpenPerApp } = options
  const manifests = new ManifestRepository(pool, createKeyring(config.POSTHORN_ENCRYPTION_KEYS))
  const circuits = new PostgresCircuitStore(pool)
  const rules = rulesOf(config)
  const apps = new StoredApps({ manifests, defaults: rules.defaults })
  const workerId = `${hostname()}:${process.pid}:call-${uuidv7().slice(-12)}`
  const changed = () => posthorn.changed()
  const delegator = createDelegator({
    apps,
    defaults: rules.defaults,
    networkPolicy: rules.networkPolicy,
    connectTimeoutMs: rules.connectTimeoutMs,
    responseLimitBytes: config.CALL_RESPONSE_LIMIT,
    ...(maxOpenPerApp !== undefined && { maxOpenPerApp }),
    circuitBreaker: config.CIRCUIT_BREAKER_ENABLED,
    circuitStore: circuits,
    circuitSettings: rules.circuit,
    cache: new AnswerRepository(pool),
    queue: callQueue(posthorn),
    approvals: new GroupedApprovals(new ApprovalRepository(pool), changed),
    log: new CallRecords({
      workerId,
      write: (batch) => writeCalls(pool, { ...batch, workerId }),
      metrics,
      logger: logger ?? SILENT,
      changed,
    }),
  })
  return { delegator, apps, circuits, rules }
}

function rulesOf(config: IngestConfig): CallRules {
  return {
    defaults: callDefaults(config),
    networkPolicy: createNetworkPolicy({ allowedCidrs: [...config.POSTHORN_ALLOWED_CIDRS] }),
    circuit: {
      ...DEFAULT_CIRCUIT_SETTINGS,
      failureThreshold: config.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
      openForMs: config.CIRCUIT_BREAKER_RECOVERY_TIMEOUT,
      successThreshold: config.CIRCUIT_BREAKER_SUCCESS_THRESHOLD,
    },
    connectTimeoutMs: config.WEBHOOK_CONNECT_TIMEOUT,
  }
}

const SILENT = { info: () => undefined, error: () => undefined }
