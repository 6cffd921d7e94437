import { ApiError, callApi, type ServerAccess } from '../client/api-client.ts'
import { serverAccess } from '../client/server-access.ts'
import { type Passed, startListener } from '../listen/listener.ts'
import { runUntilStopped } from '../service/run-until-stopped.ts'
import { CommandError, type ExitCode, usageError } from '../terminal/exit-codes.ts'
import { type Output, paint } from '../terminal/output.ts'

/** Options of `posthorn listen`. */
export interface ListenOptions {
  readonly forward: string
  readonly events: readonly string[]
  readonly server?: string
  readonly key?: string
  readonly dataDir: string
}

interface Endpoint {
  readonly id: string
  readonly secret: string
}

const GRACE_MS = 10_000

/** `posthorn listen`: deliveries of a server on this machine are forwarded to a URL and printed, until it is stopped. */
export async function listen(options: ListenOptions, output: Output): Promise<ExitCode> {
  const target = targetOf(options.forward)
  const { server: url, key, dataDir } = options
  const server = await serverAccess({ server: url, key, dataDir })
  return runUntilStopped(async () => {
    const listener = await startListener(target, (passed) => output.result(passed, line(passed)))
    try {
      const endpoint = await subscribe(server, listener.url, options.events)
      output.line(`${paint('bold', options.events.join(', '))} from ${server.url} to ${target.href}`)
      output.line(`signed with ${endpoint.secret}`)
      output.line(paint('dim', 'Ctrl-C ends it and removes the endpoint.\n'))
      const stop = async () => {
        await unsubscribe(server, endpoint, output)
        await listener.close()
      }
      return { stop, graceMs: GRACE_MS }
    } catch (error) {
      await listener.close()
      throw error
    }
  })
}

async function unsubscribe(server: ServerAccess, { id }: Endpoint, output: Output): Promise<void> {
  try {
    await callApi(server, 'DELETE', `/api/v1/endpoints/${id}`)
  } catch (error) {
    output.note(`The endpoint ${id} could not be removed: ${error instanceof Error ? error.message : error}`)
  }
}

function targetOf(text: string): URL {
  const candidate = /^\d+$/.test(text) ? `http://localhost:${text}/` : text
  if (!URL.canParse(candidate) || !/^https?:$/.test(new URL(candidate).protocol)) {
    throw usageError(`--forward ${text} is no URL, such as http://localhost:3000/webhooks.`)
  }
  return new URL(candidate)
}

async function subscribe(
  server: ServerAccess,
  url: string,
  eventTypes: readonly string[],
): Promise<Endpoint> {
  try {
    return await callApi<Endpoint>(server, 'POST', '/api/v1/endpoints', {
      url,
      eventTypes,
      description: 'posthorn listen (temporary)',
    })
  } catch (error) {
    if (
      error instanceof ApiError &&
      error.status === 422 &&
      error.problem.errors?.some(({ path }) => path === 'url')
    ) {
      throw new CommandError(`The server does not deliver to this machine: ${error.message}`, {
        hint: 'Start it with "posthorn dev --allow-private-network".',
        cause: error,
      })
    }
    throw error
  }
}

function line(passed: Passed): string {
  const time = paint('dim', new Date().toTimeString().slice(0, 8))
  const ok = passed.status >= 200 && passed.status <= 299
  const status = paint(ok ? 'green' : 'red', String(passed.status))
  const words = [
    time,
    status,
    `${passed.durationMs.toFixed(0).padStart(5)} ms`,
    passed.type,
    passed.deliveryId,
  ]
  if (passed.attempt > 1) words.push(`attempt ${passed.attempt}`)
  if (passed.error !== undefined) words.push(paint('red', passed.error))
  return words.join('  ')
}
