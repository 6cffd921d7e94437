import type { Hold } from '../spool/types.ts'
import { duration } from './output.ts'

/** What a status of the server means for capture, in the same words wherever it is told; undefined for one about a single event. */
export function meaningOf(status: number | undefined): string | undefined {
  if (status === undefined) return undefined
  const meaning = MEANINGS[status] ?? (status >= 300 && status < 400 ? 'the server redirects' : undefined)
  return meaning === undefined ? undefined : `${meaning} (${status})`
}

const MEANINGS: Readonly<Record<number, string>> = {
  401: 'the server does not know this key',
  403: 'the key may not send events',
  404: 'the URL is not the hooks route',
  405: 'the URL is not the hooks route',
  407: 'a proxy on the way wants to know who sends',
  429: 'the server asks for time',
  502: 'the server is busy or restarting',
  503: 'the server is busy or restarting',
}

const KINDS: Readonly<Record<Hold['kind'], string>> = {
  refused: 'the server refuses what is sent',
  unreachable: 'the server cannot be reached',
  busy: 'the server asks for time',
}

/** Why nothing is sent for now. */
export function holdReason({ kind, status, error }: Hold): string {
  return `${meaningOf(status) ?? KINDS[kind]}: ${error.code}: ${error.message}`
}

/** Why nothing is sent for now, since when and until when. */
export function holdText(hold: Hold, now: number): string {
  const { since, nextTryAt } = hold
  const next =
    nextTryAt <= now ? 'tried again with the next event' : `next try in ${duration(nextTryAt - now)}`
  return `since ${new Date(since).toISOString()}: ${holdReason(hold)}; ${next}`
}
