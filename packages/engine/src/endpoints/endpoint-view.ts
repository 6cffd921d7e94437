import { formatId, redactHeaders } from '@posthorn/core'
import type { Endpoint } from '@posthorn/db'
import { publicKeyOf } from '@posthorn/dispatcher/signing'
import { isoOrNull } from '../ids.ts'
import type { EndpointView } from '../types.ts'

/** What of an endpoint may be shown. */
export function endpointView(endpoint: Endpoint): EndpointView {
  return {
    id: formatId('ep', endpoint.id),
    url: endpoint.url,
    eventTypes: endpoint.eventTypes,
    description: endpoint.description,
    capability: endpoint.capability,
    headers: redactHeaders(endpoint.headers) as Record<string, string>,
    timeoutMs: endpoint.timeoutMs,
    connectTimeoutMs: endpoint.connectTimeoutMs,
    retry: endpoint.retry,
    successCodes: endpoint.successCodes,
    format: endpoint.format,
    maxConcurrency: endpoint.maxConcurrency,
    rateLimit: endpoint.rateLimit,
    circuit: endpoint.circuit,
    signing: endpoint.signing,
    orderingOnFailure: endpoint.orderingOnFailure,
    enabled: endpoint.enabled,
    disabledReason: endpoint.disabledReason,
    pausedAt: isoOrNull(endpoint.pausedAt),
    createdAt: endpoint.createdAt.toISOString(),
    updatedAt: endpoint.updatedAt.toISOString(),
    publicKey: publicKeyOfEndpoint(endpoint),
  }
}

/** The key that receivers of a `v1a` endpoint verify with; null where secrets are shared. */
export function publicKeyOfEndpoint(endpoint: Pick<Endpoint, 'signing' | 'secrets'>): string | null {
  const [current] = endpoint.secrets
  return endpoint.signing === 'v1a' && current ? (publicKeyOf(current.secret) ?? null) : null
}
