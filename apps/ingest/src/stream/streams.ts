import { formatId } from '@posthorn/core'
import { PLATFORM_APP_ID } from '@posthorn/db'
import type { AppScope, ChangeBatch } from '@posthorn/engine'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callerOf } from '../auth/hook.ts'
import type { ZodApp } from '../http/zod-app.ts'
import { rateLimited } from '../problems/catalogue.ts'
import { ProblemError } from '../problems/problem.ts'
import { StreamConnection } from './connection.ts'
import { changeFrame, frame, heartbeat } from './frame.ts'

/** How streams are kept, milliseconds. */
export interface StreamTimes {
  /** between two signs of life (15 000) */
  readonly heartbeatMs: number
  /** how long a client may take nothing before it is let go (10 000) */
  readonly slowAfterMs: number
}

export interface StreamOptions extends Partial<StreamTimes> {
  /** what changes under the id of the platform: what concerns rooms, of every app */
  readonly platform: Pick<AppScope, 'changes'>
  /** whether the key of a request may still be used */
  isStillAllowed(request: FastifyRequest): Promise<boolean>
  /** told how many streams there are */
  onCount(streams: number): void
}

/** What a client asks for. */
export interface StreamQuery {
  readonly types?: readonly string[] | undefined
  readonly lastEventId?: string | undefined
  /** only changes that carry this `roomId` */
  readonly room?: string | undefined
}

const HEARTBEAT_MS = 15_000
const SLOW_AFTER_MS = 10_000
const RETRY_MS = 2_000
/** How many streams an app may have open in one process: each holds a connection and a little memory. */
const MAX_PER_APP = 500

/** The open streams of a service. They end when it begins to close. */
export class Streams {
  readonly #options: StreamOptions
  readonly #open = new Map<StreamConnection, string>()
  /** of which apps */
  readonly #opening: string[] = []
  #isClosing = false

  constructor(app: ZodApp, options: StreamOptions) {
    this.#options = options
    // A stream would keep the service from closing for as long as its client likes.
    app.addHook('preClose', (done) => {
      this.#isClosing = true
      for (const connection of this.#open.keys()) connection.end('shutdown')
      done()
    })
  }

  async open(
    request: FastifyRequest,
    reply: FastifyReply,
    { types, lastEventId, room }: StreamQuery,
  ): Promise<void> {
    const { appId, scope } = this.#followed(request, room)
    const count = [...this.#open.values(), ...this.#opening].filter((other) => other === appId).length
    if (count >= MAX_PER_APP) {
      throw new ProblemError(rateLimited(`This app has ${MAX_PER_APP} streams open already.`))
    }
    const header = request.headers['last-event-id']
    const after = typeof header === 'string' && header !== '' ? header : lastEventId
    const connection = new StreamConnection(reply.raw, this.#options.slowAfterMs ?? SLOW_AFTER_MS)
    const batches = inRoom(
      room,
      scope.changes.follow({
        signal: connection.signal,
        ...(types && { types }),
        ...(after !== undefined && { after }),
      }),
    )
    // Where the database does not answer, there is no stream but a problem.
    const first = await this.#whileOpening(appId, batches.next())
    reply.hijack()
    if (first.done) {
      reply.raw.destroy()
      return
    }
    connection.open({ ...reply.getHeaders(), ...HEADERS })
    this.#keep(connection, appId)
    const connected = frame({
      event: 'connected',
      id: first.value.position,
      retryMs: RETRY_MS,
      data: JSON.stringify({
        at: new Date().toISOString(),
        app: appId === PLATFORM_APP_ID ? null : formatId('app', appId),
        types: types ?? null,
        ...(room !== undefined && { room }),
      }),
    })
    void this.#run(request, connection, connected, first.value, batches)
  }

  /** Holds a place for a stream that is not open yet: many may come at once. */
  async #whileOpening<T>(appId: string, opening: Promise<T>): Promise<T> {
    this.#opening.push(appId)
    try {
      return await opening
    } finally {
      this.#opening.splice(this.#opening.indexOf(appId), 1)
    }
  }

  /** Rooms span apps: whoever speaks for the platform and names a room need not know of which app the calls are. */
  #followed(request: FastifyRequest, room: string | undefined) {
    const { appId, onlyAppId, scope } = callerOf(request)
    return onlyAppId === null && room !== undefined
      ? { appId: PLATFORM_APP_ID, scope: this.#options.platform }
      : { appId, scope }
  }

  async #run(
    request: FastifyRequest,
    connection: StreamConnection,
    connected: string,
    first: ChangeBatch,
    rest: AsyncIterable<ChangeBatch>,
  ): Promise<void> {
    let position = first.position
    const timer = setInterval(() => {
      if (connection.isIdle) void connection.write(heartbeat(position))
      void this.#options.isStillAllowed(request).then((isAllowed) => {
        if (!isAllowed) connection.end('unauthorized')
      })
    }, this.#options.heartbeatMs ?? HEARTBEAT_MS)
    try {
      await connection.write(connected)
      for (const piece of framesOf(first)) await connection.write(piece)
      for await (const batch of rest) {
        for (const piece of framesOf(batch)) await connection.write(piece)
        position = batch.position
      }
    } catch (err) {
      request.log.error({ err }, 'a stream failed')
    } finally {
      clearInterval(timer)
      connection.end('shutdown')
    }
  }

  #keep(connection: StreamConnection, appId: string): void {
    if (this.#isClosing) {
      connection.end('shutdown')
      return
    }
    this.#open.set(connection, appId)
    this.#options.onCount(this.#open.size)
    const release = () => {
      if (this.#open.delete(connection)) this.#options.onCount(this.#open.size)
    }
    if (connection.signal.aborted) release()
    else connection.signal.addEventListener('abort', release, { once: true })
  }
}

/** Batches without what does not carry the `roomId` that is asked for. */
async function* inRoom(
  room: string | undefined,
  batches: AsyncIterable<ChangeBatch>,
): AsyncGenerator<ChangeBatch, void, undefined> {
  for await (const batch of batches) {
    if (room === undefined) yield batch
    else yield { ...batch, changes: batch.changes.filter(({ data }) => roomOf(data) === room) }
  }
}

const roomOf = (data: string): unknown => (JSON.parse(data) as { roomId?: unknown }).roomId

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // Proxies such as nginx would gather events otherwise.
  'x-accel-buffering': 'no',
}

/** What is written at once: a client that takes nothing has no more than this waiting for it, and one event. */
const CHUNK_LENGTH = 65_536

/** The events of a batch, in pieces of a bounded length. */
function* framesOf({ reset, changes, position }: ChangeBatch): Generator<string> {
  let piece =
    reset === null
      ? ''
      : frame({
          event: 'reset',
          id: position,
          data: JSON.stringify({ at: new Date().toISOString(), reason: reset }),
        })
  for (const change of changes) {
    piece += changeFrame(change)
    if (piece.length < CHUNK_LENGTH) continue
    yield piece
    piece = ''
  }
  yield piece
}
