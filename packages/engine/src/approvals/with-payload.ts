import type { Approval } from '@posthorn/db'

/** JSON text of an object, with an approval's payload in it as it is: printing it again could change it. */
export function withPayload(fields: object, { payloadText }: Pick<Approval, 'payloadText'>): string {
  return `${JSON.stringify(fields).slice(0, -1)},"payload":${payloadText}}`
}
