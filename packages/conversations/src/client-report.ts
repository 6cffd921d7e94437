import { canonicalUuid } from '@posthorn/core'
import type { ClientReport } from '@posthorn/db'
import { z } from 'zod'
import { cut, storable } from './text.ts'

const MAX_REPORT_BYTES = 2_048
const MAX_REASONS = 20
const MAX_COUNT = 2 ** 31 - 1

const words = z
  .string()
  .transform((text) => cut(storable(text), 200))
  .nullish()
  .catch(null)
  .transform((text) => text ?? null)
const count = z.int().min(0).max(MAX_COUNT).catch(0)

const reportSchema = z.object({
  id: z.string().transform((text, context) => {
    const id = canonicalUuid(text)
    if (id === undefined) context.addIssue('must be a UUID')
    return id ?? z.NEVER
  }),
  host: words,
  platform: words,
  arch: words,
  node: words,
  version: words,
  backlog: count,
  failed: count,
  dropped: count,
  droppedByReason: z
    .record(z.string(), count)
    .catch({})
    .transform((reasons) =>
      Object.fromEntries(
        Object.entries(reasons)
          .slice(0, MAX_REASONS)
          .map(([reason, n]) => [cut(storable(reason), 50), n]),
      ),
    ),
  lastError: z
    .object({ code: z.string().transform((text) => cut(storable(text), 200)), at: words })
    .nullish()
    .catch(null)
    .transform((error) => error ?? null),
})

/**
 * What a hook client says of itself in the header `x-posthorn-hook-client`. A field that cannot be read counts as not
 * given: an event is never refused for it.
 *
 * @param header JSON text of at most 2 048 bytes
 * @returns null when it is no report at all, or names no client
 */
export function parseClientReport(header: string | null | undefined): ClientReport | null {
  if (!header || header.length > MAX_REPORT_BYTES) return null
  let value: unknown
  try {
    value = JSON.parse(header)
  } catch {
    return null
  }
  const parsed = reportSchema.safeParse(value)
  if (!parsed.success) return null
  const { node, ...report } = parsed.data
  return { ...report, nodeVersion: node }
}
