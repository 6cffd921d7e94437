import type { ServerResponse } from 'node:http'
import { sleep } from '@posthorn/core'
import type { RequestEnd } from './received-request.ts'
import { type Drip, faultOf, type Reply } from './reply.ts'

/** Does with a request what its reply says, and tells how it ended. Ends early when the other side goes away. */
export async function answer(response: ServerResponse, reply: Reply): Promise<RequestEnd> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  if (response.closed || response.destroyed) gone.abort()
  try {
    if (reply.delayMs !== undefined) await sleep(reply.delayMs, gone.signal)
    return await carryOut(response, reply, gone.signal)
  } catch (error) {
    if (gone.signal.aborted) return { abandoned: true }
    throw error
  }
}

async function carryOut(response: ServerResponse, reply: Reply, gone: AbortSignal): Promise<RequestEnd> {
  const status = reply.status ?? 200
  const fault = faultOf(reply)
  const body = Buffer.from(reply.body ?? '')
  switch (fault) {
    case 'reset':
      response.socket?.resetAndDestroy()
      return { fault }
    case 'hang':
      return { fault }
    case 'raw':
      response.socket?.end(reply.raw ?? '')
      return { fault }
    case 'closeEarly':
      response.writeHead(status, { 'content-length': String(Math.max(body.length, 1)), ...reply.headers })
      response.flushHeaders()
      response.write(body.subarray(0, body.length / 2))
      response.socket?.end()
      return { status, fault }
    case undefined:
      response.writeHead(status, reply.headers)
      if (reply.drip) await dripOut(response, body, reply.drip, gone)
      await ended(response, reply.drip ? undefined : body, gone)
      return { status }
  }
}

async function dripOut(response: ServerResponse, body: Buffer, drip: Drip, gone: AbortSignal): Promise<void> {
  const size = Math.max(1, drip.bytes ?? 1)
  response.flushHeaders()
  for (let at = 0; at < body.length; at += size) {
    if (at > 0) await sleep(drip.everyMs, gone)
    response.write(body.subarray(at, at + size))
  }
}

/** Resolves when the last byte was handed to the system, rejects when the other side is gone before. */
function ended(response: ServerResponse, body: Buffer | undefined, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    gone.throwIfAborted()
    response.once('finish', resolve)
    response.once('close', () => reject(gone.reason))
    response.end(body)
  })
}
