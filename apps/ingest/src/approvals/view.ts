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

/** JSON text of an object, with an approval's payload in it as it is: printing it again could change it. */
export function withPayload(fields: object, { payloadText }: Approval): string {
  return `${JSON.stringify(fields).slice(0, -1)},"payload":${payloadText}}`
}
