import type { Delegator } from '@posthorn/delegator'
import type pg from 'pg'
import { ALLOWED_CIDRS, ENCRYPTION_KEYS } from './engine.ts'

/** An app that can be called. */
export interface BenchApp {
  readonly delegator: Delegator
  readonly appId: string
  close(): Promise<void>
}

/**
 * A delegator as the service has it: circuits, records and statistics in PostgreSQL, and an app whose manifest is there.
 *
 * @param pool of a database that is migrated
 * @param webhooks the URL of each capability
 */
export async function openBenchApp(
  pool: pg.Pool,
  webhooks: Readonly<Record<string, string>>,
): Promise<BenchApp> {
  const [
    { createDelegator, parseManifest },
    { AppRepository, AttemptStats, createKeyring, ManifestRepository, PostgresCircuitStore, writeCalls },
    { createNetworkPolicy },
    { DEFAULT_CIRCUIT_SETTINGS },
  ] = await Promise.all([
    import('@posthorn/delegator'),
    import('@posthorn/db'),
    import('@posthorn/dispatcher'),
    import('@posthorn/circuit-breaker'),
  ])
  const networkPolicy = createNetworkPolicy({ allowedCidrs: [ALLOWED_CIDRS] })
  const parsed = parseManifest({ webhooks }, { networkPolicy })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  const keyring = createKeyring(ENCRYPTION_KEYS)
  const { app, secret } = await new AppRepository(pool, keyring).create({ name: 'bench', contacts: [] })
  const manifests = new ManifestRepository(pool, keyring)
  await manifests.replace(app.id, {
    manifest: { webhooks },
    healthUrl: null,
    createdBy: null,
    capabilities: parsed.value.capabilities.map(({ name, url, timeoutMs, retry }) => ({
      ...{ name, url, timeoutMs, retry, connectTimeoutMs: 5_000, circuit: DEFAULT_CIRCUIT_SETTINGS },
    })),
  })
  const endpoints = (await manifests.callable(app.id))?.endpoints ?? []
  const capabilities = parsed.value.capabilities.map((capability) => {
    const endpointId = endpoints.find((endpoint) => endpoint.capability === capability.name)?.id ?? ''
    return [capability.name, { ...capability, endpointId }] as const
  })
  const callable = { id: app.id, secret, capabilities: new Map(capabilities) }
  const workerId = `bench-${process.pid}`
  const stats = new AttemptStats(workerId)
  const delegator = createDelegator({
    apps: { find: (id) => (id === app.id ? callable : undefined) },
    networkPolicy,
    circuitStore: new PostgresCircuitStore(pool),
    log: {
      async write(batch) {
        const draft = stats.draft(
          batch.attempts.map((attempt) => ({ endpointId: attempt.endpointId, attempt })),
        )
        await writeCalls(pool, { ...batch, stats: draft.rows, workerId })
        stats.keep(draft)
      },
    },
  })
  return { delegator, appId: app.id, close: () => delegator.close() }
}
