import { join } from 'node:path'
import { canBeSent, type PurgeOptions, purgeEvents, retryEvents } from '../spool/care.ts'
import { decodeEvent } from '../spool/event-file.ts'
import { checkSpool } from '../spool/fsck.ts'
import { isStray, type Spool } from '../spool/layout.ts'
import { listEvents, showEvent } from '../spool/listing.ts'
import type { SpoolEntry, SpoolFolder } from '../spool/types.ts'
import { CommandError, EXIT, type ExitCode, usageError } from '../terminal/exit-codes.ts'
import { columns, count, duration, type Output, paint, size } from '../terminal/output.ts'
import type { CommandContext } from './context.ts'
import { spoolsOf } from './spools.ts'

/** `posthorn-hook queue ls`: the events in the spool, in the order in which they are sent. */
export function listQueue(
  options: { folder?: SpoolFolder; limit: number },
  context: CommandContext,
  output: Output,
): ExitCode {
  const entries = spoolsOf(context)
    .flatMap((spool) => listEvents(spool, options.folder))
    .filter(({ folder, file }) => folder === 'failed' || !isStray(file))
  const shown = entries.slice(0, options.limit)
  if (output.json) for (const entry of shown) output.result(entry, '')
  else if (entries.length === 0) output.line('There are no events here.')
  else {
    const head = ['FOLDER', 'REQUEST ID', 'EVENT', 'SESSION', 'AGE', 'SIZE', 'STATE']
    output.line(columns([head, ...shown.map((entry) => row(entry))]))
  }
  if (shown.length < entries.length) {
    output.note(`${entries.length - shown.length} more: --limit ${entries.length} shows them all.`)
  }
  return EXIT.ok
}

function row({ folder, requestId, event, ageMs, bytes, ...entry }: SpoolEntry): string[] {
  const session = event?.sessionId ?? '-'
  const short = session.length > 12 ? `${session.slice(0, 11)}…` : session
  return [folder, requestId, event?.event ?? '?', short, duration(ageMs), size(bytes), stateOf(entry)]
}

type EntryState = Pick<SpoolEntry, 'corrupt' | 'unsealed' | 'failure' | 'retry' | 'claim'>

function stateOf({ corrupt, unsealed, failure, retry, claim }: EntryState, now = Date.now()): string {
  // The reason beside it may be as foreign as the event.
  if (unsealed !== undefined) return `unsealed: ${unsealed}`
  if (failure) return `${failure.reason}: ${failure.message}`
  if (corrupt !== undefined) return `corrupt: ${corrupt}`
  if (claim) return claim.leaseUntil > now ? 'is being sent' : 'its sender is gone; it comes back'
  if (!retry) return 'waits'
  const next = retry.nextTryAt <= now ? 'due' : `next try in ${duration(retry.nextTryAt - now)}`
  return `${retry.tries === 1 ? '1 try' : `${retry.tries} tries`}, ${retry.lastError.code}; ${next}`
}

/** `posthorn-hook queue show`: one event with everything that is known about it. */
export function showQueued(id: string, context: CommandContext, output: Output): ExitCode {
  const { spool, requestId } = find(id, context)
  const found = showEvent(spool, requestId)
  if (!found) throw notThere(id)
  const { entry, text } = found
  const decoded = decodeEvent(spool, text, entry.requestId)
  const event = 'event' in decoded ? decoded.event : 'written' in decoded ? decoded.written : undefined
  const body = event?.body
  const rows = [
    ['Request id', entry.requestId],
    ['Folder', `${entry.folder} (${spool.dir})`],
    ...(event
      ? [
          ['Event', event.event],
          ['Session', event.sessionId ?? '-'],
          ['Captured at', event.capturedAt],
          ['Trace id', event.traceId],
        ]
      : []),
    ['State', stateOf(entry)],
  ]
  const problem = entry.failure?.problem
  output.result(
    { ...entry, spool: spool.dir, body: body === undefined ? null : parsed(body) },
    [
      columns(rows),
      ...(problem === undefined ? [] : [paint('bold', '\nAnswer of the server'), pretty(problem)]),
      paint('bold', body === undefined ? '\nThe file as it is' : '\nBody'),
      body === undefined ? text : pretty(parsed(body)),
    ].join('\n'),
  )
  return EXIT.ok
}

/** `posthorn-hook queue retry`: failed events wait again, and waiting ones are due at once. */
export function retryQueued(
  ids: readonly string[],
  options: { all: boolean; unsealed: boolean },
  context: CommandContext,
  output: Output,
): ExitCode {
  const { all, unsealed } = options
  if (all === ids.length > 0) throw usageError('Name events, or give --all.')
  const problem = spoolsOf(context)[0]?.seals.problem()
  if (unsealed && problem !== undefined) throw new CommandError(`Nothing can be sealed: ${problem}.`)
  const retried = all
    ? spoolsOf(context).flatMap((spool) => retryEvents(spool, 'all', { unsealed }))
    : eachFound(ids, context, (spool, requestIds) => retryEvents(spool, requestIds, { unsealed }))
  const text = `${count(retried.length, 'event')} to be sent. The next hook starts that, or: posthorn-hook drain`
  output.result({ retried }, retried.length === 0 ? 'There is nothing to try again.' : text)
  const left = leftBehind(ids, context)
  if (left.unsendable > 0)
    output.note(
      `${left.unsendable} cannot be sent: corrupt or unreadable. See why: posthorn-hook queue ls --folder failed`,
    )
  if (left.unsealed > 0)
    output.note(
      `${left.unsealed} ${left.unsealed === 1 ? 'was' : 'were'} not captured by you here, or without a key: look with posthorn-hook queue show, and add --unsealed to send what is yours.`,
    )
  return EXIT.ok
}

/** `posthorn-hook queue purge`: deletes events. */
export function purgeQueue(
  ids: readonly string[],
  options: { folder?: 'pending' | 'failed' | 'all'; olderThanMs?: number },
  context: CommandContext,
  output: Output,
): ExitCode {
  const { folder, olderThanMs } = options
  if (ids.length === 0 && folder === undefined) {
    throw usageError('Say what to delete: events by their ids, or --folder failed, pending or all.')
  }
  const which: PurgeOptions = { folder: folder ?? 'all', ...(olderThanMs !== undefined && { olderThanMs }) }
  const purged =
    ids.length === 0
      ? spoolsOf(context).flatMap((spool) => purgeEvents(spool, which))
      : eachFound(ids, context, (spool, requestIds) => purgeEvents(spool, { ...which, requestIds }))
  output.result({ purged }, `${count(purged.length, 'event')} deleted.`)
  return EXIT.ok
}

/** `posthorn-hook queue fsck`: looks through the spool, and with `--repair` mends it. */
export function checkQueue(options: { repair: boolean }, context: CommandContext, output: Output): ExitCode {
  const findings = spoolsOf(context).flatMap((spool) =>
    checkSpool(spool, options).map((finding) => ({ spool: spool.dir, ...finding })),
  )
  const open = findings.filter(({ repaired }) => repaired === undefined)
  const byFile = Map.groupBy(findings, ({ spool, path }) => join(spool, path))
  const text = [...byFile].map(([file, found]) => [
    [...new Set(found.map(({ kind }) => kind))].join(', '),
    file,
    found
      .map(({ message, repaired }) => `${message}${repaired === undefined ? '' : `: ${repaired}`}`)
      .join('; '),
  ])
  output.result({ findings }, findings.length === 0 ? 'The spool is in order.' : columns(text))
  if (open.length > 0 && !options.repair)
    output.note('posthorn-hook queue fsck --repair mends what can be mended.')
  return open.length === 0 ? EXIT.ok : EXIT.failure
}

/** How many of the failed events, or of those that are named, are no event that could be sent, or not this user's. */
function leftBehind(
  ids: readonly string[],
  context: CommandContext,
): { unsendable: number; unsealed: number } {
  const isMeant = (requestId: string) =>
    ids.length === 0 || ids.some((id) => requestId.startsWith(id.toLowerCase()))
  const left = spoolsOf(context)
    .flatMap((spool) => listEvents(spool, 'failed'))
    .filter((entry) => isMeant(entry.requestId))
  const unsendable = left.filter((entry) => !canBeSent(entry)).length
  const unsealed = left.filter((entry) => canBeSent(entry) && entry.unsealed !== undefined).length
  return { unsendable, unsealed }
}

function eachFound(
  ids: readonly string[],
  context: CommandContext,
  work: (spool: Spool, requestIds: string[]) => string[],
): string[] {
  const found = ids.map((id) => find(id, context))
  return found.flatMap(({ spool, requestId }) => work(spool, [requestId]))
}

/** The event that an id, or its beginning, names. */
function find(id: string, context: CommandContext): { spool: Spool; requestId: string } {
  const wanted = id.toLowerCase()
  const matches = spoolsOf(context).flatMap((spool) =>
    listEvents(spool)
      .filter(({ requestId }) => requestId.toLowerCase().startsWith(wanted))
      .map(({ requestId }) => ({ spool, requestId })),
  )
  const exact = matches.filter(({ requestId }) => requestId.toLowerCase() === wanted)
  const [only, ...others] = exact.length > 0 ? exact.slice(0, 1) : matches
  if (!only || wanted === '') throw notThere(id)
  if (others.length > 0)
    throw usageError(`${count(matches.length, 'event')} begin with ${id}: give more of the id.`)
  return only
}

const notThere = (id: string) =>
  new CommandError(`There is no event ${id} in the spool.`, {
    hint: `It may have been sent: posthorn-hook logs --request-id ${id}`,
  })

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

const pretty = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))
