import { formatId } from '@posthorn/core'
import type { Approval } from '@posthorn/db'
import type { z } from 'zod'
import type { approvalSchema } from './schemas.ts'

/** An approval as it is shown, without its payload. */
export function approvalView(approval: Approval): z.input<typeof approvalSchema> {
  const { payloadText: _, ...rest } = approval
  return {
    ...rest,
    id: formatId('apr', approval.id),
    callId: formatId('call', approval.callId),
    appId: formatId('app', approval.appId),
    context: { ...approval.context },
    createdAt: approval.createdAt.toISOString(),
    expiresAt: approval.expiresAt.toISOString(),
    decidedAt: approval.decidedAt?.toISOString() ?? null,
    eventId: approval.eventId && formatId('evt', approval.eventId),
  }
}
