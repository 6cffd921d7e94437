import { formatId, REDACTED, ValidationError } from '@posthorn/core'
import type { Endpoint } from '@posthorn/db'
import { publicKeyOf } from '@posthorn/dispatcher/signing'
import { isoOrNull } from '../ids.ts'
import type { EndpointView } from '../types.ts'

/** What of an endpoint may be shown. */
export function endpointView(endpoint: Endpoint): EndpointView {
  return {
    id: formatId('ep', endpoint.id),
    origin: endpoint.origin,
    url: endpoint.url,
    eventTypes: endpoint.eventTypes,
    description: endpoint.description,
    capability: endpoint.capability,
    headers: hidden(endpoint.headers),
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

/** Names without values: users put credentials into headers of any name. */
function hidden(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((name) => [name, REDACTED]))
}

/**
 * Headers as a caller sends them back: a value that a view has hidden stands for the one that is there.
 *
 * @throws ValidationError for a hidden value of a header that is not there
 */
export function unhidden(given: unknown, present: Readonly<Record<string, string>>): unknown {
  if (typeof given !== 'object' || given === null) return given
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (value !== REDACTED) return [name, value]
      const kept = present[name.toLowerCase()]
      if (kept !== undefined) return [name, kept]
      throw new ValidationError([
        {
          path: `headers[${JSON.stringify(name)}]`,
          message: `is "${REDACTED}", which stands for a value that is there already`,
        },
      ])
    }),
  )
}
